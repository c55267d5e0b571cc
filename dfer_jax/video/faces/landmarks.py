"""Places 478 landmarks on a face: the mesh of `face_landmarker_v2.task`, run by OpenCV.

Kartynnik et al. 2019, arXiv 1907.06724; Grishchenko et al. 2020, arXiv 2006.10962. Input 256 x 256
RGB in 0..1, a square 1.5 x as large as the face and upright with it; output in pixels of it.
"""

import math

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from dfer_jax.video.faces.detector import Detection
from dfer_jax.video.faces.network import load_network
from dfer_jax.video.faces.sampling import Square, sample

NUM_FACE_POINTS = 468  # the other ten are of the irises
RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)  # corners; right and left of the person
NOSE_TIP, MOUTH = 1, (61, 291)
FOREHEAD, CHIN = 10, 152
CHEEKS = (234, 454)

_SIZE = 256
_REGION = 1.5
_OUTPUTS = ("Identity", "Identity_1")

Landmarks = Float32[np.ndarray, "478 3"]


class LandmarkNetwork:
    """Places landmarks on one face at a time; not for several threads at once."""

    def __init__(self, network: bytes):
        """Takes the TFLite network."""
        self._network = load_network(network)

    def __call__(
        self, picture: UInt8[np.ndarray, "h w 3"], region: Square
    ) -> tuple[Landmarks, float]:
        """Returns x, y, z in pixels of the picture, and how sure it is that there is a face, 0..1.

        z grows away from the camera, is 0 at about the middle of the head and as large as x.
        """
        to_picture = region.to_picture(_SIZE)
        seen = sample(picture, to_picture, _SIZE)
        self._network.setInput(cv2.dnn.blobFromImage(seen, 1 / 255))
        points, logit = self._network.forward(_OUTPUTS)
        points = points.reshape(478, 3).astype(np.float64)
        landmarks = np.empty((478, 3), np.float32)
        landmarks[:, :2] = points[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        landmarks[:, 2] = points[:, 2] * region.side / _SIZE
        return landmarks, 1 / (1 + math.exp(-float(np.clip(logit.item(), -80, 80))))


def region_of_detection(face: Detection) -> Square:
    """Returns where to place landmarks on a face that the detector found."""
    return Square(*face.centre, _REGION * face.side, _angle(*face.keypoints[:2]))


def region_of_landmarks(landmarks: Landmarks) -> Square:
    """Returns where to look for a face that had these landmarks in the frame before."""
    low, high = (edge(landmarks[:NUM_FACE_POINTS, :2], axis=0) for edge in (np.min, np.max))
    x, y = (low + high) / 2
    angle = _angle(landmarks[RIGHT_EYE[0]], landmarks[LEFT_EYE[1]])
    return Square(float(x), float(y), float(_REGION * (high - low).max()), angle)


def box_of(landmarks: Landmarks) -> tuple[float, float, float, float]:
    """Returns x, y, width, height in pixels of the box around the face's landmarks."""
    low, high = (edge(landmarks[:NUM_FACE_POINTS, :2], axis=0) for edge in (np.min, np.max))
    return (*map(float, low), *map(float, high - low))


def eye_centres(landmarks: Landmarks) -> Float[np.ndarray, "2 2"]:
    """Returns x, y of the middle of the person's right and left eye, in pixels."""
    return np.stack([landmarks[list(eye), :2].mean(0) for eye in (RIGHT_EYE, LEFT_EYE)])


def _angle(right_eye: Float[np.ndarray, " d"], left_eye: Float[np.ndarray, " d"]) -> float:
    return math.atan2(float(left_eye[1] - right_eye[1]), float(left_eye[0] - right_eye[0]))
