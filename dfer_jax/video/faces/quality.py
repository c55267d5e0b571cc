"""Says how well a face can be judged: its size, blur, pose, and how sure the landmarks are."""

import dataclasses
import math

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from dfer_jax.video.faces.appearance import Seen
from dfer_jax.video.faces.landmarks import (
    CHEEKS,
    CHIN,
    FOREHEAD,
    LEFT_EYE,
    RIGHT_EYE,
    Landmarks,
    box_of,
)

_FACE = slice(16, 80)  # the part of what is seen that the landmarks cover
_SPREAD = 9  # pixels of the filter that blurs again


@dataclasses.dataclass(frozen=True)
class FaceQuality:
    """How well a face can be judged.

    Attributes:
        size_px: the longer side of the box around its landmarks, in pixels.
        blur: 0 sharp .. 1 without any detail (Crete et al. 2007), of the face at 64 pixels; smaller
            ones are blurred there.
        yaw: degrees to which the face looks to the right side of the picture; 0 is at the camera.
        pitch: degrees downwards.
        roll: degrees by which its head is tilted clockwise, as seen.
        confidence: of the landmarks, 0..1.
    """

    size_px: float
    blur: float
    yaw: float
    pitch: float
    roll: float
    confidence: float


def judge_face(face: Seen, landmarks: Landmarks, confidence: float) -> FaceQuality:
    """Returns how well a face can be judged.

    Args:
        face: what is seen of it.
        landmarks: in pixels of the picture.
        confidence: of the landmarks.
    """
    yaw, pitch, roll = pose(landmarks)
    size = max(box_of(landmarks)[2:])
    return FaceQuality(size, _blur(face[_FACE, _FACE]), yaw, pitch, roll, confidence)


def pose(landmarks: Landmarks) -> tuple[float, float, float]:
    """Returns yaw, pitch and roll in degrees, by the directions across and down the face."""
    points = landmarks.astype(np.float64)
    across = points[LEFT_EYE[1]] - points[RIGHT_EYE[0]] + points[CHEEKS[1]] - points[CHEEKS[0]]
    down = points[CHIN] - points[FOREHEAD]
    across = _unit(across)
    down = _unit(down - across * (down @ across))
    ahead = np.cross(down, across)  # towards the camera: z is negative there
    roll = math.atan2(across[1], across[0])
    cos, sin = math.cos(roll), math.sin(roll)
    right, below = cos * ahead[0] + sin * ahead[1], cos * ahead[1] - sin * ahead[0]
    yaw = math.atan2(right, -ahead[2])
    pitch = math.asin(float(np.clip(below, -1, 1)))
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _blur(face: UInt8[np.ndarray, "s s 3"]) -> float:
    """Returns the share of neighbours' differences that blurring does not take away."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return max(_blur_along(grey), _blur_along(np.ascontiguousarray(grey.T)))


def _blur_along(grey: Float32[np.ndarray, "s s"]) -> float:
    blurred = cv2.blur(grey, (_SPREAD, 1))
    before, after = (np.abs(np.diff(image, axis=1)) for image in (grey, blurred))
    total = float(before.sum())
    lost = float(np.maximum(before - after, 0).sum())
    return 1 - lost / total if total > 0 else 1.0
