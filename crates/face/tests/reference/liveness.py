"""What the liveness model says of boxes in the sample photos, in Python: makes liveness.json.

usage: liveness.py MODEL PHOTO...      MODEL is the package's own fr_liveness.onnx, not rewritten

Besides the detector's own box (of photos.json beside this file) also boxes that are off, for scores between the ends.
"""
import json, os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import cv2, numpy as np, onnxruntime


def surroundings(box, width, height):
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    scale = min((height - 1) / h, (width - 1) / w, 2.7)
    w, h = w * scale, h * scale
    left, top = (x1 + x2) / 2 - w / 2, (y1 + y2) / 2 - h / 2
    left, top = min(max(left, 0), max(width - 1 - w, 0)), min(max(top, 0), max(height - 1 - h, 0))
    return int(left), int(top), int(min(left + w, width - 1)), int(min(top + h, height - 1))


def live(session, image, box):
    x1, y1, x2, y2 = surroundings(box, image.shape[1], image.shape[0])
    chip = cv2.resize(image[y1:y2 + 1, x1:x2 + 1], (128, 128)).astype(np.float32)
    logits = session.run(None, {session.get_inputs()[0].name: chip.transpose(2, 0, 1)[None]})[0][0]
    share = np.exp(logits - logits.max())
    return float(share[0] / share.sum())


def main():
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    known = json.load(open(os.path.join(os.path.dirname(__file__), "photos.json")))
    made = {}
    for path in sorted(sys.argv[2:]):
        name, image = os.path.basename(path), cv2.imread(path)
        rows = []
        for face in known.get(name, []):
            x1, y1, x2, y2 = face["box"]
            side = x2 - x1
            for grow, shift in ((0, 0), (-0.25, 0), (0.3, 0.2), (-0.4, -0.15)):
                box = [x1 - grow * side + shift * side, y1 - grow * side, x2 + grow * side + shift * side, y2 + grow * side]
                box = [float(round(v)) for v in box]
                rows.append({"box": box, "live": round(live(session, image, box), 6)})
        if rows:
            made[name] = rows
    json.dump(made, sys.stdout, indent=1)


main()
