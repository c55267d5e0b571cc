"""Decodes PNG images: in one place, so that what a builder accepts is what training can read."""

import cv2
import numpy as np
from jaxtyping import UInt8

from dfer_jax.video.picture_size import PNG_SIGNATURE, png_size

_IMREAD = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION  # as for JPEG images


def decode_png(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the RGB pixels, 0..255, of a whole PNG image.

    Raises:
        PictureSizeError: if it is too large.
        ValueError: if it is not whole, or OpenCV cannot read it.
    """
    png_size(data)
    picture = None
    if _is_whole(data):
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), _IMREAD)
    if picture is None:
        raise ValueError("truncated or damaged PNG image")
    return picture


def _is_whole(data: bytes) -> bool:
    """Whether every chunk is as long as it says, up to the last.

    OpenCV fills what is cut off with black, and takes the memory that a chunk promises, up to 4 GB,
    before it looks whether the bytes are there.
    """
    start = len(PNG_SIGNATURE)
    while start + 8 <= len(data):
        length, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        if kind == b"IEND":
            return not length
        start += 12 + length  # with its length, its kind and its checksum
    return False
