"""Checks one frame on disk, by header and end or by decoding all of it, and hashes it.

The quick check only clears a file: whatever it finds odd is decoded strictly by the check that the
builders make, so that no frame is called damaged which they would take. Damage in the middle of a
file is seen by the thorough check alone.
"""

import os
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
from jaxtyping import UInt8, UInt64

from dfer_jax.data.check.near_duplicates import frame_hash
from dfer_jax.video.orientation import UPRIGHT, exif_orientation
from dfer_jax.video.picture_size import PNG_SIGNATURE, jpeg_header, png_size
from dfer_jax.video.png import decode_png
from tfds_builders import images

_HEAD = 4096  # bytes; a JPEG whose header is longer, as with a thumbnail, is decoded as a whole
_TAIL = 64
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_PNG_COLOURS = {0: True, 2: False, 3: False}  # colour types that are taken: whether grey
_HASH_SIDE = 64  # pixels; JPEG images are decoded at about this size to be hashed


class FrameFacts(NamedTuple):
    """A whole frame: the size of its file, its size in pixels, whether it is without colour.

    Only if it was decoded: whether nothing can be seen in it, and what the builders change in it.
    """

    num_bytes: int
    height: int
    width: int
    grey: bool
    black: bool = False
    change: str = ""


def check_quickly(path: Path) -> FrameFacts:
    """Checks a frame by the two ends of its file.

    Raises:
        DamagedImageError: if the builders refuse the file.
    """
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            head = os.read(file, _HEAD)
            num_bytes = os.fstat(file).st_size
            os.lseek(file, max(0, num_bytes - _TAIL), os.SEEK_SET)
            tail = os.read(file, _TAIL)
        finally:
            os.close(file)
    except OSError as error:
        raise images.DamagedImageError(f"cannot be read ({error.strerror})") from error
    read = _read_png_header if head.startswith(PNG_SIGNATURE) else _read_jpeg_header
    header = read(head, tail) if num_bytes <= images.MAX_BYTES else None
    if header and exif_orientation(head) == UPRIGHT:
        return FrameFacts(num_bytes, *header)
    return check_thoroughly(path)


def check_thoroughly(path: Path) -> FrameFacts:
    """Checks a frame by decoding it to its end.

    Raises:
        DamagedImageError: if the builders refuse the file.
    """
    image = images.read_image(path)
    num_bytes = len(image.data) if not image.change else path.stat().st_size
    return FrameFacts(num_bytes, image.height, image.width, image.grey, image.black, image.change)


def hash_file(path: Path) -> UInt64[np.ndarray, "4"]:
    """Returns the hash of a frame on disk.

    Raises:
        DamagedImageError: if the builders refuse the file.
    """
    return hash_image(images.read_image(path).data)


def hash_image(data: bytes) -> UInt64[np.ndarray, "4"]:
    """Returns the hash of a whole encoded image."""
    return frame_hash(_grey_picture(data))


def _grey_picture(data: bytes) -> UInt8[np.ndarray, "h w"]:
    if data.startswith(PNG_SIGNATURE):
        return cv2.cvtColor(decode_png(data), cv2.COLOR_RGB2GRAY)
    height, width, _ = jpeg_header(data)
    # No larger than needed, in steps of an eighth of the size; small images as they are.
    return simplejpeg.decode_jpeg(
        data,
        "GRAY",
        fastdct=True,
        min_height=min(_HASH_SIDE, height),
        min_width=min(_HASH_SIDE, width),
        min_factor=1,
    )[..., 0]


def _read_jpeg_header(head: bytes, tail: bytes) -> tuple[int, int, bool] | None:
    """Returns height, width and whether grey, if start and end are those of a usable JPEG."""
    if not (head.startswith(b"\xff\xd8") and tail.endswith(b"\xff\xd9")):
        return None
    try:
        height, width, colours = jpeg_header(head)
    except ValueError:
        return None
    return None if colours in ("CMYK", "YCCK") else (height, width, colours == "Gray")


def _read_png_header(head: bytes, tail: bytes) -> tuple[int, int, bool] | None:
    """Returns height, width and whether grey, if start and end are those of a usable PNG."""
    if not (head.startswith(PNG_SIGNATURE) and len(head) > 33 and tail.endswith(_PNG_END)):
        return None
    if b"IDAT" not in head or b"tRNS" in head or b"acTL" in head:
        return None
    depth, colours = head[24:26]
    if depth != 8 or colours not in _PNG_COLOURS:
        return None
    try:
        height, width = png_size(head)
    except ValueError:
        return None
    return height, width, _PNG_COLOURS[colours]
