"""How well a peer tells people apart, on the data and by the definitions of `vultus eval`: docs/reference/eval.md.

usage: accuracy.py onnxruntime|dlib MODELS_DIR DATA_DIR [--pairs FILE]

onnxruntime: the models of the default pack, fed as docs/reference/accuracy.md says, by OpenCV and ONNX Runtime alone.
dlib:        the original's engine as its library calls it: HOG detector (one upsampling), 5 points, ResNet.

DATA_DIR holds NAME/photo; without --pairs all photos are compared with all. Prints one JSON object.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
NEVER = 9.0  # a distance beyond all others: a photo without a face is of nobody


class Onnx:
    """UltraFace, 68 points of which five are made, a similarity onto ArcFace's template, 512 numbers."""

    TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])

    def __init__(self, models):
        # Before it is loaded: otherwise it tells its maker of this machine.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        def session(name):
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            return onnxruntime.InferenceSession(str(models / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])

        self.detector, self.points, self.feature = map(session, ("fr_detect", "fr_landmark", "fr_feature"))

    def faces(self, photo):
        """Boxes (x1, y1, x2, y2), squared and clipped."""
        height, width = photo.shape[:2]
        small = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_BGR2RGB), (320, 240)).astype(np.float32)
        scores, boxes = self.detector.run(None, {"input": ((small - 127) / 128).transpose(2, 0, 1)[None]})
        sure = scores[0, :, 1] > 0.65
        scores, boxes = scores[0, sure, 1], boxes[0, sure] * [width, height, width, height]
        corners = [[*map(float, (a, b, c - a, d - b))] for a, b, c, d in boxes]
        for kept in np.array(cv2.dnn.NMSBoxes(corners, scores.tolist(), 0.65, 0.4), int).flatten():
            x1, y1, x2, y2 = boxes[kept]
            x, y, half = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) / 2
            box = max(0, int(x - half)), max(0, int(y - half)), min(width - 1, int(x + half)), min(height - 1, int(y + half))
            if box[2] - box[0] >= 8 and box[3] - box[1] >= 8:
                yield box

    def embed(self, photo, box):
        x1, y1, x2, y2 = box
        grey = cv2.cvtColor(cv2.resize(photo[y1:y2, x1:x2], (64, 64)), cv2.COLOR_BGR2GRAY).astype(np.float32)
        points = self.points.run(None, {"input": (grey / 256)[None, None]})[0].reshape(68, 2)
        points = points * [x2 - x1, y2 - y1] + [x1, y1]
        means = ([37, 38, 40, 41], [43, 44, 46, 47], [30], [48, 60], [54, 64])
        chip = cv2.warpAffine(photo, similarity(np.array([points[of].mean(0) for of in means]), self.TEMPLATE), (112, 112))
        chip = ((chip.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
        vector = self.feature.run(None, {"input": chip})[0][0]
        return vector / np.linalg.norm(vector)

    @staticmethod
    def distances(a, b):
        return 1 - a @ b.T


class Dlib:
    def __init__(self, models):
        import dlib

        self.dlib, self.detector = dlib, dlib.get_frontal_face_detector()
        self.points = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self.net = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def faces(self, photo):
        for box in self.detector(cv2.cvtColor(photo, cv2.COLOR_BGR2RGB), 1):
            yield box.left(), box.top(), box.right(), box.bottom()

    def embed(self, photo, box):
        photo = cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)
        return np.array(self.net.compute_face_descriptor(photo, self.points(photo, self.dlib.rectangle(*box))))

    @staticmethod
    def distances(a, b):
        squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
        return np.sqrt(np.maximum(squared, 0))


def similarity(source, target):
    """Scale, turn and shift that bring `source` nearest to `target` (least squares, after Umeyama 1991)."""
    middle, goal = source.mean(0), target.mean(0)
    a, b = source - middle, target - goal
    u, stretch, v = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    turn = (u * sign) @ v
    scale = (stretch * sign).sum() / a.var(0).sum()
    return np.hstack([scale * turn, (goal - scale * turn @ middle)[:, None]])


def main_face(faces, photo):
    """The face that is large and in the middle: area − 2 · squared distance of its middle from the photo's."""
    height, width = photo.shape[:2]

    def share(box):
        x1, y1, x2, y2 = box
        return (x2 - x1) * (y2 - y1) - 2 * (((x1 + x2) / 2 - width / 2) ** 2 + ((y1 + y2) / 2 - height / 2) ** 2)

    return max(faces, key=share, default=None)


def lfw_pairs(lines, folder):
    """`name i j` and `name i other j`, below a line that says how many there are."""

    def photo(name, number):
        return next(folder.glob(f"{glob_escape(name)}/{glob_escape(name)}_{int(number):04d}.*"))

    for line in (line.split() for line in lines):
        if len(line) == 3:
            yield photo(line[0], line[1]), photo(line[0], line[2]), True
        elif len(line) == 4:
            yield photo(line[0], line[1]), photo(line[2], line[3]), False


def glob_escape(name):
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def csv_pairs(file, folder):
    for row in csv.DictReader(file.open()):
        yield folder / row["file_x"], folder / row["file_y"], row["same"].strip().lower() in ("yes", "1", "true")


def tenths(parts):
    """Which of ten contiguous parts each of so many things is in."""
    return np.repeat(np.arange(10), [len(part) for part in np.array_split(np.arange(parts), 10)])


def accuracy(distance, same, fold, balanced):
    """Each tenth by the threshold that is best on the other nine, in steps of 0.001: the middle of the first stretch of best ones."""
    last = 2001  # where pairs with a missed face are
    bins = np.where(distance < NEVER, np.minimum((distance / 1e-3).astype(int), last - 1), last)

    def rightly(chosen):
        counts = [np.bincount(bins[chosen & kind], minlength=last + 1).astype(float) for kind in (same, ~same)]
        accepted = [np.concatenate([[0], np.cumsum(count[:-1])]) for count in counts]
        genuine, impostor = counts[0].sum(), counts[1].sum()
        if balanced and genuine and impostor:
            return (accepted[0] / genuine + (impostor - accepted[1]) / impostor) / 2
        return (accepted[0] + impostor - accepted[1]) / (genuine + impostor)

    found = []
    for tenth in range(10):
        others = rightly(fold != tenth)
        first = int(others.argmax())
        best = others == others[first]
        stretch = len(best[first:]) if best[first:].all() else int(best[first:].argmin())
        found.append(float(rightly(fold == tenth)[first + (stretch - 1) // 2]))
    return found


def auc(genuine, impostor):
    """The chance that a genuine pair is nearer than an impostor pair (Mann–Whitney)."""
    below = np.searchsorted(impostor, genuine, "left")
    equal = np.searchsorted(impostor, genuine, "right") - below
    return float(1 - (below + equal / 2).mean() / len(impostor))


def eer(genuine, impostor):
    """Where FMR and FNMR are the same, linear between the thresholds around it."""
    at = np.unique(np.concatenate([genuine, impostor]))
    fmr = np.concatenate([[0], np.searchsorted(impostor, at, "right") / len(impostor)])
    fnmr = np.concatenate([[1], 1 - np.searchsorted(genuine, at, "right") / len(genuine)])
    after = int((fmr >= fnmr).argmax())
    before, beyond = fnmr[after - 1] - fmr[after - 1], fmr[after] - fnmr[after]
    share = before / (before + beyond) if before + beyond else 0
    return float(fmr[after - 1] + share * (fmr[after] - fmr[after - 1]))


def main():
    kind, models, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    pairs_file = Path(sys.argv[sys.argv.index("--pairs") + 1]) if "--pairs" in sys.argv else None
    cv2.setNumThreads(1)
    engine = {"onnxruntime": Onnx, "dlib": Dlib}[kind](models)
    listed, has_names = None, True
    if pairs_file and pairs_file.suffix == ".csv":
        listed, has_names = list(csv_pairs(pairs_file, folder)), False
    elif pairs_file:
        listed = list(lfw_pairs(pairs_file.read_text().splitlines()[1:], folder))
    photos = {photo for a, b, _ in listed for photo in (a, b)} if listed else folder.glob("*/*")
    photos = sorted(photo for photo in photos if photo.suffix.lower() in PHOTOS)
    vectors, missed, times = {}, [], {"detect": [], "embed": []}
    for photo in photos:
        image = cv2.imread(str(photo))
        start = time.perf_counter()
        box = main_face(engine.faces(image), image)
        times["detect"].append(time.perf_counter() - start)
        if box is None:
            missed.append(photo.name)
            continue
        start = time.perf_counter()
        vectors[photo] = engine.embed(image, box)
        times["embed"].append(time.perf_counter() - start)
    print(json.dumps(measure(engine, kind, photos, listed, has_names, vectors, missed, times)))


def measure(engine, kind, photos, listed, has_names, vectors, missed, times):
    known = [at for at, photo in enumerate(photos) if photo in vectors]
    people = np.array([photo.parent.name for photo in photos])
    every = np.full((len(photos), len(photos)), NEVER)
    every[np.ix_(known, known)] = engine.distances(*[np.array([vectors[photos[at]] for at in known])] * 2)
    upper = np.triu_indices(len(photos), 1)
    is_same = people[upper[0]] == people[upper[1]]
    if listed:
        place = {photo: at for at, photo in enumerate(photos)}
        distance = np.array([every[place[a], place[b]] for a, b, _ in listed])
        same, fold = np.array([same for *_, same in listed]), tenths(len(listed))
    else:
        distance, same, fold = every[upper], is_same, np.zeros(len(is_same), int)
        fold[same], fold[~same] = tenths(same.sum()), tenths((~same).sum())
    genuine, impostor = np.sort(distance[same]), np.sort(distance[~same])
    strangers = np.sort(every[upper][~is_same]) if has_names else impostor
    strangers = strangers[strangers < NEVER]
    tar = {}
    for name, fmr in (("1e-2", 1e-2), ("1e-3", 1e-3), ("1e-4", 1e-4)):
        tar[name] = float((genuine < strangers[int(len(strangers) * fmr)]).mean()) if len(strangers) * fmr >= 1 else None
    rank1 = None
    if has_names:
        np.fill_diagonal(every, np.inf)
        several = np.array([(people == name).sum() > 1 for name in people])
        rank1 = float(((people[every.argmin(1)] == people) & (every.min(1) < NEVER))[several].mean())
    folds = accuracy(distance, same, fold, balanced=not listed)
    return {
        "engine": kind,
        "photos": len(photos),
        "faces": len(known),
        "pairs": {"genuine": int(same.sum()), "impostor": int((~same).sum()), "impostor_all": len(strangers)},
        "accuracy_10fold": float(np.mean(folds)),
        "accuracy_10fold_std": float(np.std(folds)),
        "tar_at_fmr": tar,
        "auc": auc(genuine, impostor),
        "eer": eer(genuine, impostor),
        "rank1": rank1,
        "missed": len(missed),
        "missed_files": missed,
        "times": {stage: {"median": round(float(np.median(spent)) * 1e3, 2)} for stage, spent in times.items()},
    }


if __name__ == "__main__":
    main()
