"""A recognition server as people write them: FastAPI, OpenCV, Python onnxruntime with the very models of vultus, unmodified.

usage: MODELS=FOLDER PEOPLE=NAME=PHOTO:… uvicorn recognize_server:app --workers N
POST /recognize takes the form field `image` and answers the faces with names and distances.
"""
import os

import cv2
import numpy as np
from fastapi import FastAPI, File

from onnxruntime_faces import Onnxruntime

cv2.setNumThreads(1)
faces = Onnxruntime(os.environ["MODELS"])
people = [pair.split("=", 1) for pair in os.environ["PEOPLE"].split(":")]
names = [name for name, _ in people]
gallery = np.array([faces.embeddings(cv2.imread(photo))[0] for _, photo in people])
app = FastAPI()


@app.get("/healthz")
def health():
    return {"status": "ok"}


@app.post("/recognize")
def recognize(image: bytes = File()):
    found = []
    for embedding in faces.embeddings(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)):
        distances = faces.distances(gallery, embedding)
        nearest = int(distances.argmin())
        accepted = bool(distances[nearest] < faces.accept)
        found.append({"name": names[nearest] if accepted else None, "distance": float(distances[nearest])})
    return {"faces": found}
