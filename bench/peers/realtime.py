"""The realtime loop as the peers run it: every frame decoded, every face found and embedded, the nearest person looked up, a JPEG made.

usage: realtime.py original|onnxruntime VIDEO FRAMES MODELS NAME=PHOTO…
  original     Python, OpenCV, dlib: HOG on the half-size frame, looked at twice its size once as face_recognition does by
               default, 5 points, ResNet (what vultus takes the place of)
  onnxruntime  Python, OpenCV, onnxruntime: the very models of vultus, unmodified
Prints one line of JSON: frames a second, frames in which somebody was named.
"""
import json, sys, time
import cv2, numpy as np

cv2.setNumThreads(1)
kind, video, frames, models = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
people = [pair.split("=", 1) for pair in sys.argv[5:]]


class Original:
    """dlib's detector, five-point predictor and ResNet; distance is Euclidean, below 0.45 accepted."""

    accept = 0.45

    def __init__(self):
        import dlib
        self.detector = dlib.get_frontal_face_detector()
        self.points = dlib.shape_predictor(f"{models}/shape_predictor_5_face_landmarks.dat")
        self.net = dlib.face_recognition_model_v1(f"{models}/dlib_face_recognition_resnet_model_v1.dat")

    def embeddings(self, image):
        rgb = np.ascontiguousarray(image[:, :, ::-1])
        return [np.array(self.net.compute_face_descriptor(rgb, self.points(rgb, box))) for box in self.detector(rgb, 1)]

    def prepare(self, frame):
        return cv2.resize(frame, None, fx=0.5, fy=0.5)

    def distances(self, gallery, embedding):
        return np.linalg.norm(gallery - embedding, axis=1)


if kind == "original":
    peer = Original()
else:
    from onnxruntime_faces import Onnxruntime
    peer = Onnxruntime(models)
names, gallery = [], []
for name, photo in people:
    names.append(name)
    gallery.append(peer.embeddings(cv2.imread(photo))[0])
gallery = np.array(gallery)

capture, done, named = cv2.VideoCapture(video), 0, 0
started = time.perf_counter()
while done < frames:
    more, frame = capture.read()
    if not more:
        break
    nearest = [peer.distances(gallery, embedding).min() for embedding in peer.embeddings(peer.prepare(frame))]
    named += any(distance < peer.accept for distance in nearest)
    cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 70])
    done += 1
seconds = time.perf_counter() - started
print(json.dumps({"fps": round(done / seconds, 2), "frames": done, "named": int(named)}))
