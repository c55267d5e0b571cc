"""Finds faces in a picture: BlazeFace, short range, of `face_landmarker_v2.task`, run by OpenCV.

Bazarevsky et al. 2019, arXiv 1907.05047. Input 128 x 128 RGB in -1..1; 896 anchors, each a box, six
keypoints and a score. It misses faces that are small in what it sees; for these the picture is also
looked at in overlapping squares (`find_in_parts`).
"""

import dataclasses
import math

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from dfer_jax.video.faces.network import load_network

_SIZE = 128
_THRESHOLD = 0.5
_MAX_RAW_SCORE = 80.0
_SAME_FACE = 0.5  # of a box: candidates whose centres are nearer are one face
_STEP, _LONGEST = 0.7, 1.25  # of a square's side: to the next one, and what one covers alone
_OUTPUTS = ("regressors", "classificators")


@dataclasses.dataclass(frozen=True)
class Detection:
    """A face as the detector sees it, in pixels of the picture.

    Attributes:
        box: x, y of the upper left corner, width, height; from brows to chin.
        keypoints: right eye, left eye (of the person), nose tip, mouth, right ear, left ear.
        score: 0..1.
    """

    box: tuple[float, float, float, float]
    keypoints: Float[np.ndarray, "6 2"]
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2

    @property
    def side(self) -> float:
        """The longer side of the box."""
        return max(self.box[2:])


class FaceDetector:
    """Finds the faces of pictures; not for several threads at once."""

    def __init__(self, network: bytes):
        """Takes the TFLite network."""
        self._network = load_network(network)
        self._anchors = _anchors()

    def find(self, picture: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Returns the faces of a picture seen as a whole, the most certain first."""
        height, width = picture.shape[:2]
        scale = _SIZE / max(height, width)
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        seen = np.zeros((_SIZE, _SIZE, 3), np.uint8)
        left, top = (_SIZE - small[0]) // 2, (_SIZE - small[1]) // 2
        seen[top : top + small[1], left : left + small[0]] = cv2.resize(
            picture, small, interpolation=how
        )
        points, scores = self._run(seen)
        to_pixels = np.array([width / small[0], height / small[1]])
        return _merged((points - (left, top)) * to_pixels, scores)

    def find_in_parts(self, picture: UInt8[np.ndarray, "h w 3"], share: int) -> list[Detection]:
        """Returns the faces found in overlapping squares, 1 / `share` of the longer side large.

        Faces so many times smaller than those of `find` are found; halves of a wide picture take
        three looks, thirds eight, fifths 28.
        """
        height, width = picture.shape[:2]
        side = max(1, math.ceil(max(height, width) / share))
        found: list[Detection] = []
        for top, bottom in _stretches(height, side):
            for left, right in _stretches(width, side):
                part = self.find(picture[top:bottom, left:right])
                found += [_moved(face, left, top) for face in part]
        return _distinct(found)

    def find_near(
        self, picture: UInt8[np.ndarray, "h w 3"], centre: tuple[float, float], side: float
    ) -> list[Detection]:
        """Returns the faces in a square around a place, as far as it is inside of the picture.

        Args:
            picture: RGB.
            centre: x, y of the place, in pixels.
            side: of the square, in pixels.
        """
        (left, right), (top, bottom) = (
            (max(0, int(place - side / 2)), max(0, int(place + side / 2))) for place in centre
        )
        part = picture[top:bottom, left:right]
        return [_moved(face, left, top) for face in self.find(part)] if part.size else []

    def _run(
        self, seen: UInt8[np.ndarray, "128 128 3"]
    ) -> tuple[Float[np.ndarray, "n 8 2"], Float[np.ndarray, " n"]]:
        """Returns the candidates: corners of the box and keypoints in pixels seen, and scores."""
        self._network.setInput(cv2.dnn.blobFromImage(seen, 1 / 127.5, mean=(127.5,) * 3))
        raw, logits = self._network.forward(_OUTPUTS)
        logits = np.clip(logits.reshape(-1), -_MAX_RAW_SCORE, _MAX_RAW_SCORE)
        scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
        likely = scores >= _THRESHOLD
        raw = raw.reshape(-1, 8, 2)[likely].astype(np.float64)
        centres = self._anchors[likely, None] * _SIZE + raw[:, [0]]
        half = raw[:, [1]] / 2
        keypoints = self._anchors[likely, None] * _SIZE + raw[:, 2:]
        return np.concatenate([centres - half, centres + half, keypoints], axis=1), scores[likely]


def _anchors() -> Float32[np.ndarray, "896 2"]:
    """Returns the centres of the anchors as shares of the side."""
    grids = []
    for cells, each in ((16, 2), (8, 6)):
        y, x = np.mgrid[:cells, :cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        grids.append(np.repeat(centres, each, axis=0))
    return np.concatenate(grids).astype(np.float32)


def _merged(points: Float[np.ndarray, "n 8 2"], scores: Float[np.ndarray, " n"]) -> list[Detection]:
    """Returns one face for each group of candidates: their mean, weighted by score."""
    found = []
    centres, sides = points[:, :2].mean(1), np.ptp(points[:, :2], axis=1).max(1)
    left = np.ones(len(scores), bool)
    while left.any():
        best = np.flatnonzero(left)[scores[left].argmax()]
        near = np.abs(centres - centres[best]).max(1) < _SAME_FACE * sides[best]
        group = left & near
        group[best] = True
        left &= ~group
        weights = scores[group] / scores[group].sum()
        mean = (points[group] * weights[:, None, None]).sum(0)
        (x, y), (right, bottom) = mean[:2]
        box = (float(x), float(y), float(right - x), float(bottom - y))
        found.append(Detection(box, mean[2:], float(scores[best])))
    return found


def _stretches(length: int, side: int) -> list[tuple[int, int]]:
    """Returns where squares of a side begin and end that cover a length; three tenths are shared.

    One stretch a little longer than the side where that is enough.
    """
    if length <= _LONGEST * side:
        return [(0, length)]
    number = 1 + math.ceil((length - side) / (_STEP * side))
    starts = (round(index * (length - side) / (number - 1)) for index in range(number))
    return [(start, start + side) for start in starts]


def _moved(face: Detection, left: int, top: int) -> Detection:
    x, y, width, height = face.box
    keypoints = face.keypoints + np.array([left, top])
    return Detection((x + left, y + top, width, height), keypoints, face.score)


def _distinct(faces: list[Detection]) -> list[Detection]:
    """Returns the faces, of those that are the same one only the most certain."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        near = [
            math.dist(face.centre, other.centre) < _SAME_FACE * max(face.side, other.side)
            for other in kept
        ]
        if not any(near):
            kept.append(face)
    return kept
