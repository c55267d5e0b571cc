"""Remembers what a followed face looked like and where it was going, to know it again."""

import math

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from dfer_jax.video.faces.alignment import CropSettings, crop_face
from dfer_jax.video.faces.landmarks import Landmarks, box_of

_SEEN = CropSettings(size=96, margin=0.25)  # hair and collar are part of it
_LOOK = 24  # pixels a side
_LEARNED = 0.1  # share of the newest frame in what is remembered
_LEAST_ALIKE = 0.3  # correlation that suffices where the face was expected
_FOR_A_FACE = 0.25  # more is asked for each face's width away from there
_FARTHEST = 4.0  # widths
_NEAR = 1.0  # widths, and size by e


Seen = UInt8[np.ndarray, "96 96 3"]


def seen(picture: UInt8[np.ndarray, "h w 3"], landmarks: Landmarks) -> Seen:
    """Returns a face with what is around it; by this it is judged and known again."""
    return crop_face(picture, landmarks, _SEEN)


class Memory:
    """Of one face: its mean look, its place, and its speed in pixels a frame."""

    def __init__(self, face: Seen, landmarks: Landmarks):
        """Begins with the frame where the face appears."""
        self._look = _look(face)
        self._place = landmarks[:, :2].mean(0)
        self._side = max(box_of(landmarks)[2:])
        self._speed = np.zeros(2, np.float32)

    def update(self, face: Seen, landmarks: Landmarks) -> None:
        """Learns from the next frame, where the face was followed."""
        place = landmarks[:, :2].mean(0)
        self._speed = 0.7 * self._speed + 0.3 * (place - self._place)
        self._place, self._side = place, max(box_of(landmarks)[2:])
        self._look = (1 - _LEARNED) * self._look + _LEARNED * _look(face)

    def found_again(self, landmarks: Landmarks) -> None:
        """Goes on from another place; the look stays."""
        self._place, self._side = landmarks[:, :2].mean(0), max(box_of(landmarks)[2:])
        self._speed = np.zeros(2, np.float32)

    def fits(self, face: Seen, landmarks: Landmarks, frames: int = 1) -> float:
        """Returns how well a face fits; below 0 it is another.

        Args:
            face: what is seen of it.
            landmarks: its own.
            frames: since the last update.
        """
        away, size = self._away(landmarks, self._speed * min(frames, 15))
        look = _look(face)
        norm = float(np.linalg.norm(self._look) * np.linalg.norm(look))
        alike = float((self._look * look).sum()) / norm if norm > 0 else 0.0
        if away > _FARTHEST or size > math.log(2.5):
            return -1.0
        return alike - _LEAST_ALIKE - _FOR_A_FACE * (away + size)

    def is_near(self, landmarks: Landmarks) -> bool:
        """Says whether a face is about where and as large as this one was."""
        return sum(self._away(landmarks, np.zeros(2, np.float32))) < _NEAR

    def _away(self, landmarks: Landmarks, going: Float32[np.ndarray, "2"]) -> tuple[float, float]:
        """Returns how many widths a face is away, and the logarithm of how much its size differs.

        Args:
            landmarks: its own.
            going: how far this face may have gone since, in pixels.
        """
        place, side = landmarks[:, :2].mean(0), max(self._side, 1.0)
        away = min(math.dist(place, self._place + going), math.dist(place, self._place))
        return away / side, abs(math.log(max(max(box_of(landmarks)[2:]), 1.0) / side))


def _look(face: Seen) -> Float32[np.ndarray, "24 24 3"]:
    """Returns a small picture without its brightness and contrast."""
    small = cv2.resize(face, (_LOOK, _LOOK), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return small / max(float(small.std()), 1.0)
