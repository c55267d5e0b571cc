"""Decodes PNG images: in one place, so that what a builder accepts is what training can read."""

import cv2
import numpy as np
from jaxtyping import UInt8

from dfer_jax.video.picture_size import png_size

_IMREAD = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION  # as for JPEG images


def decode_png(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the RGB pixels, 0..255, of a whole PNG image.

    Raises:
        PictureSizeError: if it is too large.
        ValueError: if it is not whole, or OpenCV cannot read it.
    """
    png_size(data)
    picture = None
    if data.rfind(b"IEND") > data.rfind(b"IDAT"):  # OpenCV fills what is cut off with black
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), _IMREAD)
    if picture is None:
        raise ValueError("truncated or damaged PNG image")
    return picture
