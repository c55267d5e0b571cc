"""Takes turned squares out of pictures, without aliasing where they shrink."""

import dataclasses
import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8


@dataclasses.dataclass(frozen=True)
class Square:
    """A square in a picture.

    Attributes:
        x: of its centre, in pixels; 0 is the left edge of the picture.
        y: likewise, downwards.
        side: in pixels.
        angle: radians by which its upper edge is turned clockwise, as seen.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_picture(self, size: int) -> Float[np.ndarray, "2 3"]:
        """Returns the affine map from positions in the square, 0..size, to the picture."""
        scale = self.side / size
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        linear = np.array([[cos, -sin], [sin, cos]])
        offset = np.array([self.x, self.y]) - linear @ (size / 2, size / 2)
        return np.column_stack([linear, offset])


def sample(
    picture: UInt8[np.ndarray, "h w 3"], to_picture: Float[np.ndarray, "2 3"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Returns the square of a picture that an affine map names; beyond its edges they repeat.

    Positions are those of edges: pixel i spans i..i+1. A square larger than 2 x `size` is shrunk by
    averaging areas first, so that fine texture does not turn into noise.

    Args:
        picture: RGB.
        to_picture: from positions in the square, 0..size, to those in the picture.
        size: of what is returned, in pixels.
    """
    scale = math.sqrt(abs(np.linalg.det(to_picture[:, :2])))
    if scale > 2:
        picture, to_picture = _shrunk(picture, to_picture, size, scale)
    to_centres = to_picture.copy()  # OpenCV counts from the centres of pixels
    to_centres[:, 2] += to_picture[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(
        picture,
        to_centres,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _shrunk(
    picture: UInt8[np.ndarray, "h w 3"],
    to_picture: Float[np.ndarray, "2 3"],
    size: int,
    scale: float,
) -> tuple[UInt8[np.ndarray, "a b 3"], Float[np.ndarray, "2 3"]]:
    """Returns the part of a picture that the square covers, shrunk, and the map into it."""
    corners = to_picture @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    height, width = picture.shape[:2]
    (left, top), (right, bottom) = np.floor(corners.min(1)), np.ceil(corners.max(1))
    left, right = (int(np.clip(x, 0, width)) for x in (left - scale, right + scale))
    top, bottom = (int(np.clip(y, 0, height)) for y in (top - scale, bottom + scale))
    if right - left < 2 or bottom - top < 2:  # the square is outside
        return picture, to_picture
    part = picture[top:bottom, left:right]
    shape = (max(1, round((right - left) / scale)), max(1, round((bottom - top) / scale)))
    small = cv2.resize(part, shape, interpolation=cv2.INTER_AREA)
    ratio = np.array([[shape[0] / (right - left)], [shape[1] / (bottom - top)]])
    moved = to_picture.copy()
    moved[:, 2] -= (left, top)
    return small, moved * ratio
