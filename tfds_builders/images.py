"""Checks that an encoded frame decodes completely, without keeping the pixels.

OpenCV and Pillow return an image with a grey bottom for a JPEG whose data stop early but end with
an end-of-image marker; libjpeg only warns. Here every such warning counts: the entropy-coded data
are decoded to the end at one eighth of the size, in strict mode.

Not caught: damage that leaves valid code words to the last block, and a progressive JPEG that lost
whole scans and still ends with an end-of-image marker.
"""

import io
from pathlib import Path

import simplejpeg
from PIL import Image

from dfer_jax.video.picture_size import PNG_SIGNATURE, PictureSizeError, jpeg_header, png_size
from dfer_jax.video.png import decode_png

SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_BYTES = 32 * 2**20

_CONVERT = "; convert it, as with magick mogrify -colorspace sRGB -alpha off -depth 8 FILE"
_PNG_MODES = ("L", "RGB", "P")  # what every decoder turns into 8-bit RGB in the same way


class DamagedImageError(ValueError):
    """The bytes are not one whole image of the expected kind; the message says why."""


def read_image(path: Path) -> tuple[bytes, tuple[int, int]]:
    """Reads one frame and checks it.

    Args:
        path: a file with a suffix of `SUFFIXES`.

    Returns:
        The file's bytes, untouched, and the frame's (height, width) in pixels.

    Raises:
        DamagedImageError: if the file cannot be read or is not a whole image.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DamagedImageError(f"cannot be read ({error.strerror})") from error
    return data, check_image(data, suffix=path.suffix.lower())


def check_image(data: bytes, *, suffix: str) -> tuple[int, int]:
    """Returns (height, width) in pixels of an encoded image after decoding it to the end.

    Args:
        data: the file's bytes.
        suffix: the file's suffix in lower case, which the content has to match.

    Raises:
        DamagedImageError: if the bytes are not one whole image of that kind.
    """
    if not data:
        raise DamagedImageError("the file is empty")
    if len(data) > MAX_BYTES:
        raise DamagedImageError(f"the file is larger than {MAX_BYTES // 2**20} MiB")
    if suffix == ".png":
        return _check_png(data)
    return _check_jpeg(data)


def _check_jpeg(data: bytes) -> tuple[int, int]:
    if not data.startswith(b"\xff\xd8"):
        kind = "a PNG image" if data.startswith(PNG_SIGNATURE) else "something else"
        raise DamagedImageError(f"not a JPEG image but {kind}")
    try:
        height, width, colours = jpeg_header(data)
    except PictureSizeError as error:
        raise DamagedImageError(str(error)) from error
    except ValueError as error:
        raise DamagedImageError(f"not a readable JPEG image ({error})") from error
    if colours in ("CMYK", "YCCK"):
        raise DamagedImageError(f"a JPEG image in {colours} colours, not RGB or grey{_CONVERT}")
    try:
        # Huffman decoding is complete at any output size; 1/8 only saves the inverse transform.
        simplejpeg.decode_jpeg(
            data, "GRAY", fastdct=True, min_height=1, min_width=1, min_factor=8, strict=True
        )
    except ValueError as error:
        raise DamagedImageError(f"truncated or damaged JPEG image ({error})") from error
    return height, width


def _check_png(data: bytes) -> tuple[int, int]:
    if not data.startswith(PNG_SIGNATURE):
        raise DamagedImageError("not a PNG image although it is named so")
    try:
        height, width = png_size(data)
    except ValueError as error:
        raise DamagedImageError(str(error)) from error
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.mode not in _PNG_MODES:
                raise DamagedImageError(
                    f"a PNG image of mode {image.mode}, not 8-bit RGB, grey or palette{_CONVERT}"
                )
            image.verify()  # checksums; leaves the image closed
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
        decode_png(data)  # Pillow is more lenient than what training decodes with
    except DamagedImageError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedImageError(f"truncated or damaged PNG image ({error})") from error
    return height, width
