"""Notices where a video cuts from one scene to another."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

_SIZE = (32, 18)
_ALIKE = 0.6  # correlation of two frames' pictures; below it they may be of two scenes
_JUMP = 20.0  # grey levels by which they differ then
_AGAINST_USUAL = 2.5  # times the usual difference of neighbours


class SceneCuts:
    """Compares each frame of a video with the one before; keeps a thumbnail of that alone."""

    def __init__(self) -> None:
        """Starts with no frame seen."""
        self._before: Float32[np.ndarray, "18 32 3"] | None = None
        self._usual = 0.0

    def is_cut(self, picture: UInt8[np.ndarray, "h w 3"]) -> bool:
        """Says whether a new scene begins with this frame; the first one begins none."""
        step = max(1, min(picture.shape[0] // 72, picture.shape[1] // 128))  # is detail enough
        thin = picture[::step, ::step]
        small = cv2.resize(thin, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._before = self._before, small
        if before is None:
            return False
        jump = float(np.abs(small - before).mean())
        alike = _correlation(small, before)
        cut = jump > max(_JUMP, _AGAINST_USUAL * self._usual) and alike < _ALIKE
        self._usual = 0.0 if cut else 0.9 * self._usual + 0.1 * jump
        return cut


def _correlation(one: Float32[np.ndarray, "..."], other: Float32[np.ndarray, "..."]) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / norm if norm > 0 else 1.0
