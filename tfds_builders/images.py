"""Checks that an encoded frame decodes completely; keeps its bytes, or makes a PNG of it.

What a file holds is told by its content, whatever its name. JPEG and PNG as training decodes them
keep their bytes; BMP, WebP, 16 bits, an alpha channel without transparency and pictures that EXIF
data turn become a PNG of the same pixels, see `conversion`.

OpenCV and Pillow return an image with a grey bottom for a JPEG whose data stop early but end with
an end-of-image marker; libjpeg only warns. Here every such warning counts: the entropy-coded data
are decoded to the end at one eighth of the size, in strict mode.

Not caught: damage that leaves valid code words to the last block, and a progressive JPEG that lost
whole scans and still ends with an end-of-image marker.
"""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from dfer_jax.video.orientation import UPRIGHT, exif_orientation
from dfer_jax.video.picture_size import PNG_SIGNATURE, PictureSizeError, jpeg_header, png_size
from dfer_jax.video.png import decode_png
from tfds_builders import conversion
from tfds_builders.conversion import DamagedImageError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp")
MAX_BYTES = 32 * 2**20
BLACK = 2
"""Of 255; a picture of nothing brighter shows nothing, as where OpenFace found no face."""

_CONVERT = "; convert it, as with magick mogrify -colorspace sRGB FILE"
_AS_THEY_ARE = ("L", "RGB", "P")  # what every decoder turns into 8-bit RGB in the same way


class StoredImage(NamedTuple):
    """A frame as it is stored.

    Attributes:
        data: a JPEG or a PNG of 8 bits, upright.
        height: in pixels.
        width: in pixels.
        grey: whether it is without colour by its kind.
        black: whether nothing can be seen in it.
        change: what was done to the file's bytes; empty if nothing.
    """

    data: bytes
    height: int
    width: int
    grey: bool
    black: bool
    change: str = ""


def read_image(path: Path) -> StoredImage:
    """Reads one frame and checks it.

    Raises:
        DamagedImageError: if the file cannot be read or is not a whole image.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DamagedImageError(f"cannot be read ({error.strerror})") from error
    return check_image(data)


def check_image(data: bytes) -> StoredImage:
    """Returns an encoded image as it is stored, after decoding it to the end.

    Raises:
        DamagedImageError: if the bytes are not one whole image that can be stored.
    """
    if not data:
        raise DamagedImageError("the file is empty")
    if len(data) > MAX_BYTES:
        raise DamagedImageError(f"the file is larger than {MAX_BYTES // 2**20} MiB")
    try:
        if data.startswith(b"\xff\xd8"):
            return _check_jpeg(data)
        if data.startswith(PNG_SIGNATURE):
            return _check_png(data)
        return _converted(conversion.pixels_of_another_kind(data))
    except PictureSizeError as error:
        raise DamagedImageError(str(error)) from error


def _converted(result: tuple[np.ndarray, str]) -> StoredImage:
    pixels, change = result
    height, width, channels = pixels.shape
    data = conversion.as_png(pixels)
    return StoredImage(data, height, width, channels == 1, bool(pixels.max() <= BLACK), change)


def _check_jpeg(data: bytes) -> StoredImage:
    try:
        height, width, colours = jpeg_header(data)
    except PictureSizeError:
        raise
    except ValueError as error:
        raise DamagedImageError(f"not a readable JPEG image ({error})") from error
    if colours in ("CMYK", "YCCK"):
        raise DamagedImageError(f"a JPEG image in {colours} colours, not RGB or grey{_CONVERT}")
    orientation = exif_orientation(data)
    space = "GRAY" if colours == "Gray" else "RGB"
    try:
        if orientation != UPRIGHT:
            return _converted(conversion.upright(simplejpeg.decode_jpeg(data, space), orientation))
        # Huffman decoding is complete at any output size; 1/8 only saves the inverse transform.
        small = simplejpeg.decode_jpeg(
            data, "GRAY", fastdct=True, min_height=1, min_width=1, min_factor=8, strict=True
        )
    except ValueError as error:
        raise DamagedImageError(f"truncated or damaged JPEG image ({error})") from error
    return StoredImage(data, height, width, space == "GRAY", bool(small.max() <= BLACK))


def _check_png(data: bytes) -> StoredImage:
    try:
        height, width = png_size(data)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            mode, frames = image.mode, getattr(image, "n_frames", 1)
            image.verify()  # checksums; leaves the image closed
        if frames > 1:
            raise DamagedImageError(f"an animated PNG image of {frames} pictures")
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            plain = mode in _AS_THEY_ARE and "transparency" not in image.info
            if not plain or data[24] == 16 or exif_orientation(data) != UPRIGHT:
                return _converted(conversion.plain_pixels(image, data, "PNG"))
        pixels = decode_png(data)  # Pillow is more lenient than what training decodes with
    except (DamagedImageError, PictureSizeError):
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedImageError(f"truncated or damaged PNG image ({error})") from error
    return StoredImage(data, height, width, mode == "L", bool(pixels.max() <= BLACK))
