"""Writes dlib.json: what dlib, through Python, finds in the package photos, for tests/dlib.rs.

usage: make_dlib.py FOLDER_OF_DAT PHOTO... > dlib.json
Needs dlib, numpy and opencv-python-headless. Run once; the result is committed.
"""
import json, os, sys
import cv2, dlib

folder = sys.argv[1]
hog = dlib.get_frontal_face_detector()
cnn = dlib.cnn_face_detection_model_v1(os.path.join(folder, "mmod_human_face_detector.dat"))
predictor = dlib.shape_predictor(os.path.join(folder, "shape_predictor_5_face_landmarks.dat"))
embedder = dlib.face_recognition_model_v1(os.path.join(folder, "dlib_face_recognition_resnet_model_v1.dat"))


def edges(box):
    return [box.left(), box.top(), box.right(), box.bottom()]


def described(image, box):
    shape = predictor(image, box)
    descriptor = embedder.compute_face_descriptor(image, shape)
    return {"box": edges(box), "points": [[p.x, p.y] for p in shape.parts()], "descriptor": [round(v, 6) for v in descriptor]}


def detected(image, width=640, height=480):
    """What the CNN sees in two parts of the picture that are as large as the pack's input: no pixel is resampled before."""
    parts, right, bottom = [], image.shape[1] - width, image.shape[0] - height
    for left, top in [(0, 0), (right, bottom)] if min(right, bottom) >= 0 else []:
        found = cnn(image[top:top + height, left:left + width].copy(), 0)
        faces = [{"box": edges(face.rect), "score": round(face.confidence, 4)} for face in found]
        parts.append({"left": left, "top": top, "faces": faces})
    return parts


photos = {}
for path in sys.argv[2:]:
    image = cv2.imread(path)[:, :, ::-1].copy()
    photos[os.path.basename(path)] = {"faces": [described(image, box) for box in hog(image, 1)], "parts": detected(image)}
rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(found)}" for name, found in photos.items())
print("{\n" + rows + "\n}")
