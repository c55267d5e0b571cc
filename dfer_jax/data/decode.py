"""Encoded frames to square uint8 pictures."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from dfer_jax.errors import UserError

_IMREAD = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"


def decode_frames(
    frames: Sequence[bytes], indices: Int64[np.ndarray, " t"], *, size: int, clip: str
) -> UInt8[np.ndarray, "t {size} {size} 3"]:
    """Decodes the frames at `indices`, each distinct one once, and resizes them.

    Args:
        frames: JPEG or PNG images of the clip, of any size, colour or grey.
        indices: frames wanted, repeats allowed.
        size: side of the square pictures returned, in pixels; the aspect ratio is not kept.
        clip: name of the clip, for the error message.

    Returns:
        RGB in 0..255. Shrinking averages areas, enlarging is bilinear, equal size copies.

    Raises:
        UserError: if a frame is not a whole image, naming the clip and the frame.
    """
    clips = np.empty((len(indices), size, size, 3), np.uint8)
    slot_of = {}
    for slot, index in enumerate(indices.tolist()):
        if index in slot_of:
            clips[slot] = clips[slot_of[index]]
        else:
            clips[slot] = _resize(_decode(frames[index], place=(index, clip)), size)
            slot_of[index] = slot
    return clips


def is_whole_image(data: bytes) -> bool:
    """Returns whether the data start as a JPEG or PNG image and reach that image's end marker.

    OpenCV decodes truncated files silently, their rest grey. A JPEG's end marker has to follow its
    last scan: that of an embedded thumbnail comes before the scan of the picture itself.
    """
    if data.startswith(_PNG_START):
        return data.rfind(b"IEND") > data.rfind(b"IDAT")
    return data.startswith(_JPEG_START) and data.rfind(_JPEG_END) > data.rfind(_JPEG_SCAN)


def _decode(data: bytes, *, place: tuple[int, str]) -> np.ndarray:
    picture = None
    if is_whole_image(data):
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), _IMREAD)
    if picture is None:
        raise UserError(
            f"frame {place[0]} (counted from 0) of clip {place[1]} is not a whole JPEG or PNG "
            "image; replace the file in the release and build the dataset again"
        )
    return picture


def _resize(picture: np.ndarray, size: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if height == width == size:
        return picture
    shrinks = height >= size and width >= size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (size, size), interpolation=interpolation)
