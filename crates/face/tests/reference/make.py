"""Writes photos.json: what the reference program in Python finds in the package photos, for tests/reference.rs.

usage: make.py FOLDER_OF_PIPELINES_PY PHOTO... > photos.json     (FP_MODELS = folder of the package's .onnx files)
Needs numpy, opencv-python-headless and onnxruntime. Run once; the result is committed.
"""
import json, os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import cv2, numpy as np

sys.path.insert(0, sys.argv[1])
import pipelines

detector, embedder = pipelines.Ultra(), pipelines.FrFeature()
photos = {}
for path in sys.argv[2:]:
    image = cv2.imread(path)
    faces = []
    for box, score, five in detector(image):
        chip = cv2.warpAffine(image, pipelines.umeyama(five, pipelines.REF), (112, 112))
        raw = embedder.m.run(None, {"input": ((chip.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]})[0][0]
        norm = float(np.linalg.norm(raw))
        faces.append({
            "box": [float(v) for v in box], "score": round(float(score), 4),
            "landmarks": [[round(float(x), 3), round(float(y), 3)] for x, y in five],
            "norm": round(norm, 4), "embedding": [round(float(v), 5) for v in raw / norm],
        })
    photos[os.path.basename(path)] = faces
rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(faces)}" for name, faces in photos.items())
print("{\n" + rows + "\n}")
