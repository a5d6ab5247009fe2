"""People walking up to a camera, made of still photos, and what vultus said of them.

usage: passages.py make LFW_DIR FOLDER PEOPLE STRANGERS     FOLDER gets enrol/NAME.jpg, passages.mp4, passages.json
       passages.py judge FOLDER NAMES LINES.json            NAMES: of those enrolled, a line each; LINES.json: the output of
                                                            `vultus recognize passages.mp4 --json`

Each passage shows one photo that was not enrolled, coming nearer and moving to a side within 1.6 s, with blur, noise, light and
tilt that change from frame to frame, so that single frames disagree. Between two passages the picture is empty for a second.
"""

import json
import os
import random
import subprocess
import sys

import cv2
import numpy as np

WIDTH, HEIGHT, FPS = 640, 480, 15
FRAMES, GAP = 24, 15


def photos(lfw):
    found = {}
    for name in sorted(os.listdir(os.path.join(lfw, "images"))):
        folder = os.path.join(lfw, "images", name)
        found[name] = [os.path.join(folder, file) for file in sorted(os.listdir(folder))]
    return found


def choose(lfw, people, strangers):
    """Enrolled people have a second photo for their passage; strangers are not enrolled."""
    all_of = photos(lfw)
    chance = random.Random(4)
    known = chance.sample([name for name in all_of if len(all_of[name]) > 1], people)
    unknown = chance.sample([name for name in all_of if len(all_of[name]) == 1], strangers)
    passages = [(name, all_of[name][1]) for name in known] + [(name, all_of[name][0]) for name in unknown]
    chance.shuffle(passages)
    return {name: all_of[name][0] for name in known}, passages


def background(chance):
    wall = np.full((HEIGHT, WIDTH, 3), 96, np.float32)
    wall += np.linspace(-25, 25, WIDTH, dtype=np.float32)[None, :, None]
    wall += cv2.resize(chance.normal(0, 18, (12, 16, 3)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return wall


def frame_of(photo, wall, step, side_from, side_to, chance):
    """The photo's middle (in LFW the face is about 100 of its 250 pixels wide) from 0.5 to 1.3 times its size."""
    share = step / (FRAMES - 1)
    scale = 0.5 + 0.8 * share
    x = side_from + (side_to - side_from) * share
    move = cv2.getRotationMatrix2D((125, 125), chance.uniform(-12, 12), scale)
    move[:, 2] += [x - 125, HEIGHT * 0.45 - 125]
    soft = np.zeros((250, 250), np.float32)
    cv2.ellipse(soft, (125, 125), (85, 110), 0, 0, 360, 1, -1)
    mask = cv2.warpAffine(cv2.GaussianBlur(soft, (0, 0), 6), move, (WIDTH, HEIGHT))[:, :, None]
    face = cv2.warpAffine(photo.astype(np.float32), move, (WIDTH, HEIGHT)) * chance.uniform(0.45, 1.35)
    frame = wall * (1 - mask) + face * mask
    blur = chance.choice([0, 0, 1, 2, 3])
    if blur:
        frame = cv2.GaussianBlur(frame, (0, 0), float(blur) * scale)
    if chance.random() < 0.25:
        length = int(chance.integers(5, 15))
        frame = cv2.filter2D(frame, -1, np.full((1, length), 1 / length, np.float32))
    return frame


def make(lfw, folder, people, strangers):
    enrolled, passages = choose(lfw, people, strangers)
    os.makedirs(os.path.join(folder, "enrol"), exist_ok=True)
    for name, photo in enrolled.items():
        cv2.imwrite(os.path.join(folder, "enrol", name + ".jpg"), cv2.imread(photo), [cv2.IMWRITE_JPEG_QUALITY, 95])
    encoder = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS)]
        + ["-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p"]
        + [os.path.join(folder, "passages.mp4")],
        stdin=subprocess.PIPE,
    )
    chance = np.random.default_rng(4)
    wall = background(chance)
    # Making noise anew for each frame would take longer than all the rest.
    grains = [chance.normal(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in range(16)]
    truth, count = [], 0

    def put(frame):
        nonlocal count
        grain = cv2.flip(grains[chance.integers(16)], int(chance.integers(-1, 2)))
        noisy = frame + grain * np.float32(chance.uniform(1, 9))
        encoder.stdin.write(cv2.convertScaleAbs(np.maximum(noisy, 0)).tobytes())
        count += 1

    for name, photo in passages:
        for _ in range(GAP):
            put(wall)
        first, picture = count, cv2.imread(photo)
        sides = chance.uniform(170, 470, 2)
        for step in range(FRAMES):
            put(frame_of(picture, wall, step, *sides, chance))
        # Frames are numbered from 1.
        truth.append({"name": name, "first": first + 1, "last": count})
    encoder.stdin.close()
    if encoder.wait():
        raise SystemExit("ffmpeg failed")
    with open(os.path.join(folder, "passages.json"), "w") as file:
        json.dump(truth, file)


def judge(folder, names, lines):
    with open(os.path.join(folder, "passages.json")) as file:
        truth = json.load(file)
    with open(names) as file:
        enrolled = {line.rstrip("\n") for line in file}
    with open(lines) as file:
        faces = {line["frame"]: line["faces"] for line in map(json.loads, file)}
    tally = dict.fromkeys(["known", "refused", "misnamed", "strangers", "let_in", "frames", "f_refused", "f_strangers", "f_let_in"], 0)
    flips = 0
    for passage in truth:
        seen = [face for frame in range(passage["first"], passage["last"] + 1) for face in faces.get(frame, [])]
        passes = [face["name"] for face in seen if face["status"] == "PASS"]
        if passage["name"] in enrolled:
            right = passes.count(passage["name"])
            tally["known"] += 1
            tally["refused"] += not right
            tally["misnamed"] += len(passes) > right
            tally["frames"] += FRAMES
            tally["f_refused"] += FRAMES - right
            decisions = [face["status"] == "PASS" for face in seen]
            flips += sum(a and not b for a, b in zip(decisions, decisions[1:]))
        else:
            tally["strangers"] += 1
            tally["let_in"] += bool(passes)
            tally["f_strangers"] += len(seen)
            tally["f_let_in"] += len(passes)
    share = lambda part, whole: f"{100 * part / max(1, whole):.2f} %"
    row = [
        share(tally["refused"], tally["known"]),
        share(tally["let_in"], tally["strangers"]),
        share(tally["misnamed"], tally["known"]),
        share(tally["f_refused"], tally["frames"]),
        share(tally["f_let_in"], tally["f_strangers"]),
        f"{flips / max(1, tally['known']):.2f}",
    ]
    print(" | ".join(row), f"| {tally['known']} known, {tally['strangers']} strangers")


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 6:
        make(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1:2] == ["judge"] and len(sys.argv) == 5:
        judge(*sys.argv[2:])
    else:
        raise SystemExit(__doc__)
