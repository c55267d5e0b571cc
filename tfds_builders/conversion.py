"""Makes plain 8-bit pictures of what cameras and programs write, without loss or a refusal."""

import io

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dfer_jax.video.orientation import UPRIGHT, exif_orientation, turned
from dfer_jax.video.picture_size import PictureSizeError, bmp_size, webp_size

_OTHERS = (  # place in the file, what stands there, what it is
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIC image, as phones write"),
    (4, b"ftypmif1", "a HEIC image, as phones write"),
    (4, b"ftyp", "a video"),
    (0, b"version https://git-lfs", "a pointer of git-lfs (git lfs pull fetches the file)"),
    (0, b"<", "a web page or drawing"),
)
_FULL_RANGE = 4096  # of 65,536; 16-bit files of 8, 10 or 12-bit cameras stay below
_COMPRESSION = 3  # of 9; more takes longer and gains little


class DamagedImageError(ValueError):
    """The bytes are not one whole image that can be stored; the message says why."""


def as_png(pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
    """Returns grey or RGB pixels as a PNG."""
    ordered = pixels[..., ::-1] if pixels.shape[2] == 3 else pixels
    return cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])[1].tobytes()


def upright(
    pixels: UInt8[np.ndarray, "h w c"], orientation: int
) -> tuple[UInt8[np.ndarray, "_ _ c"], str]:
    """Returns a picture as it is to be seen, and that it was turned."""
    return turned(pixels, orientation), "turned upright, as EXIF says"


def pixels_of_another_kind(data: bytes) -> tuple[UInt8[np.ndarray, "h w c"], str]:
    """Returns the pixels of a BMP or WebP image, and what it was.

    Raises:
        DamagedImageError: if it is none, or not whole, or shows what is behind it.
        PictureSizeError: if it is too large.
    """
    if data.startswith(b"BM"):
        kind = "BMP"
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        kind = "WEBP"
    else:
        raise DamagedImageError(f"not a JPEG, PNG, BMP or WebP image but {_what(data)}")
    try:
        (bmp_size if kind == "BMP" else webp_size)(data)  # before Pillow takes memory for it
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise DamagedImageError(f"an animated {kind} image of {image.n_frames} pictures")
            image.load()
            return plain_pixels(image, data, kind)
    except (DamagedImageError, PictureSizeError):
        raise
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DamagedImageError(f"truncated or damaged {kind} image ({error})") from error


def _what(data: bytes) -> str:
    known = (what for place, mark, what in _OTHERS if data[place:].startswith(mark))
    return next(known, "something else")


def plain_pixels(
    image: Image.Image, data: bytes, kind: str
) -> tuple[UInt8[np.ndarray, "h w c"], str]:
    """Returns 8-bit grey or RGB pixels, upright, and what had to be changed for it.

    Args:
        image: loaded.
        data: its bytes.
        kind: its format, for messages.

    Raises:
        DamagedImageError: if it is partly transparent, or its 16 bits are mostly unused.
    """
    changes = [kind] * (kind != "PNG")
    if kind == "PNG" and data[24] == 16:
        pixels = _of_16_bits(data)
        changes.append("16 bits to 8")
    else:
        clear = "A" in image.mode or "transparency" in image.info
        mode = "RGBA" if clear else "L" if image.mode in ("1", "L") else "RGB"
        pixels = np.atleast_3d(np.asarray(image.convert(mode)))
        changes += ["1 bit to 8"] * (image.mode == "1")
    if pixels.shape[2] == 4:
        _refuse_transparent(pixels[..., 3], kind)
        pixels = pixels[..., :3]
        changes.append("without the alpha channel, which hides nothing")
    if (orientation := exif_orientation(data)) != UPRIGHT:
        pixels, change = upright(pixels, orientation)
        changes.append(change)
    return np.ascontiguousarray(pixels), ", ".join(changes)


def _of_16_bits(data: bytes) -> UInt8[np.ndarray, "h w c"]:
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if deep is None:
        raise DamagedImageError("truncated or damaged PNG image")
    deep = np.atleast_3d(deep)
    brightest = int(deep[..., :3].max())
    if 0 < brightest < _FULL_RANGE:
        raise DamagedImageError(
            f"a 16-bit image of values up to {brightest:,} only, black in 8 bits; stretch it to "
            "65,535, as with magick mogrify -evaluate multiply 16 FILE"
        )
    colours = [2, 1, 0, 3][: deep.shape[2]] if deep.shape[2] > 1 else [0]
    return (deep[..., colours] >> 8).astype(np.uint8)


def _refuse_transparent(alpha: UInt8[np.ndarray, "h w"], kind: str) -> None:
    clear = float((alpha < 255).mean())
    if clear:
        raise DamagedImageError(
            f"a {kind} image of which {max(clear, 0.01):.0%} is transparent; put it on a ground, "
            "as with magick mogrify -background black -alpha remove -alpha off FILE"
        )
