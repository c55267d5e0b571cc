"""Encoded frames to square uint8 pictures."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import simplejpeg
from jaxtyping import Int64, UInt8

from dfer_jax.errors import UserError
from dfer_jax.video.picture_size import PNG_SIGNATURE, PictureSizeError, jpeg_header
from dfer_jax.video.png import decode_png

PIXELS = "turbo-2"
"""Name of the rules by which encoded frames become pixels; changes whenever any pixel does."""


def decode_frames(
    frames: Sequence[bytes] | Mapping[int, bytes],
    indices: Int64[np.ndarray, " t"],
    *,
    size: int,
    clip: str,
    out: UInt8[np.ndarray, "t {size} {size} 3"] | None = None,
) -> UInt8[np.ndarray, "t {size} {size} 3"]:
    """Decodes the frames at `indices`, each distinct one once, and resizes them.

    Args:
        frames: JPEG or PNG images of the clip, of any size, colour or grey, by their index; those
            that are not wanted may be missing.
        indices: frames wanted, repeats allowed.
        size: side of the square pictures returned, in pixels; the aspect ratio is not kept.
        clip: name of the clip, for the error message.
        out: where the pictures go; a new array if None.

    Returns:
        `out`, RGB in 0..255. Shrinking averages areas, enlarging is bilinear, equal size copies.

    Raises:
        UserError: if a frame is too large or not a whole image, naming the clip and the frame.
    """
    pictures = np.empty((len(indices), size, size, 3), np.uint8) if out is None else out
    slot_of = {}
    for slot, index in enumerate(indices.tolist()):
        if index in slot_of:
            pictures[slot] = pictures[slot_of[index]]
        else:
            pictures[slot] = resize_square(
                _decode(frames[index], size=size, place=(index, clip)), size
            )
            slot_of[index] = slot
    return pictures


def decode_picture(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the RGB pixels, 0..255, of a whole JPEG or PNG image in its own size.

    Raises:
        PictureSizeError: if it is too large.
        ValueError: if it is not whole, or of another kind.
    """
    return decode_png(data) if data.startswith(PNG_SIGNATURE) else _decode_jpeg(data, 0)


def _decode(data: bytes, *, size: int, place: tuple[int, str]) -> np.ndarray:
    """Returns RGB pixels [h, w, 3] of a whole image, of its own size or of `size`."""
    try:
        return decode_png(data) if data.startswith(PNG_SIGNATURE) else _decode_jpeg(data, size)
    except ValueError as error:
        fault = "is not a whole JPEG or PNG image"
        if isinstance(error, PictureSizeError):
            fault = f"is too large ({error})"
        raise UserError(
            f"frame {place[0]} (counted from 0) of clip {place[1]} {fault}; replace the file "
            "in the release and build the dataset again"
        ) from error


def _decode_jpeg(data: bytes, size: int) -> np.ndarray:
    """Decodes by libjpeg-turbo: a quarter faster than through OpenCV, to the same pixels.

    Strictly, so that damage raises ValueError instead of turning the rest of the picture grey. A
    square picture of 2, 4 or 8 times `size` is shrunk while it is decoded, by leaving out what only
    larger pictures show: another quarter faster, 0.2 levels from the average over areas (faces).
    """
    height, width, _ = jpeg_header(data)
    halves = height == width and height in (2 * size, 4 * size, 8 * size)
    least = size if halves else 0
    return simplejpeg.decode_jpeg(data, min_height=least, min_width=least)


def resize_square(picture: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "s s 3"]:
    """Enlarges bilinearly to the next whole multiples of `size`, then averages whole blocks.

    Equal to the average over areas where `size` divides the side; elsewhere 0.2 levels from it in
    the mean and at most 8 (faces, 224 to 128), in half the time OpenCV takes for that.

    Args:
        picture: RGB in 0..255.
        size: side of the square picture returned, in pixels; the aspect ratio is not kept.
    """
    height, width = picture.shape[:2]
    blocks_down, blocks_across = -(-height // size), -(-width // size)
    shape = (blocks_across * size, blocks_down * size)
    if (width, height) != shape:
        picture = cv2.resize(picture, shape, interpolation=cv2.INTER_LINEAR)
    if blocks_down > 1 or blocks_across > 1:
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return picture
