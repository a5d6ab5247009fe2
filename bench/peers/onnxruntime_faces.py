"""The very models of vultus, unmodified, in Python: OpenCV and onnxruntime, one thread."""
import os

import cv2
import numpy as np

# Before it is loaded: otherwise it tells its maker of this machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime  # noqa: E402


class Onnxruntime:
    """UltraFace, 68 points, similarity to the 112 template, 512 numbers; distance is 1 − cosine, below 0.561 accepted."""

    accept = 0.561
    template = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
    groups = [[37, 38, 40, 41], [43, 44, 46, 47], [30], [48, 60], [54, 64]]

    def __init__(self, models):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        load = lambda name: onnxruntime.InferenceSession(f"{models}/{name}.onnx", options, providers=["CPUExecutionProvider"])
        self.detect, self.landmark, self.feature = load("fr_detect"), load("fr_landmark"), load("fr_feature")

    def boxes(self, image):
        height, width = image.shape[:2]
        pixels = cv2.resize(image[:, :, ::-1], (320, 240)).astype(np.float32)
        scores, corners = self.detect.run(None, {"input": ((pixels - 127) / 128).transpose(2, 0, 1)[None]})
        keep = scores[0, :, 1] > 0.65
        scores, corners = scores[0, keep, 1], corners[0, keep] * [width, height, width, height]
        rects = [[float(x1), float(y1), float(x2 - x1), float(y2 - y1)] for x1, y1, x2, y2 in corners]
        for i in np.array(cv2.dnn.NMSBoxes(rects, scores.tolist(), 0.65, 0.4)).flatten():
            x1, y1, x2, y2 = corners[i]
            x, y, half = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) / 2
            yield max(0, int(x - half)), max(0, int(y - half)), min(width - 1, int(x + half)), min(height - 1, int(y + half))

    def embeddings(self, image):
        found = []
        for x1, y1, x2, y2 in self.boxes(image):
            grey = cv2.cvtColor(cv2.resize(image[y1:y2, x1:x2], (64, 64)), cv2.COLOR_BGR2GRAY).astype(np.float32)
            points = self.landmark.run(None, {"input": (grey / 256)[None, None]})[0].reshape(68, 2) * [x2 - x1, y2 - y1] + [x1, y1]
            five = np.array([points[group].mean(0) for group in self.groups])
            matrix, _ = cv2.estimateAffinePartial2D(five, self.template, method=cv2.LMEDS)
            chip = cv2.warpAffine(image, matrix, (112, 112)).astype(np.float32)
            raw = self.feature.run(None, {"input": ((chip - 127) / 128).transpose(2, 0, 1)[None]})[0][0]
            found.append(raw / np.linalg.norm(raw))
        return found

    def prepare(self, frame):
        return frame

    def distances(self, gallery, embedding):
        return 1 - gallery @ embedding
