"""How large a picture may be: one limit, checked by the header before memory is committed.

A header of a few bytes can promise gigabytes of pixels, or thousands of passes over them. Whatever
opens an encoded picture asks here first: builders, the check of a download, the decoder that
training reads with, the report, and the reader of videos.
"""

import struct

import simplejpeg

MAX_SIDE = 8192
"""Pixels; 8K video is 7680 x 4320."""
MAX_PIXELS = 36_000_000
"""Height times width, of 8K video 33 million."""
MAX_SCANS = 100
"""Passes over the picture that a progressive JPEG may hold; encoders write about ten."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_START_OF_SCAN = b"\xff\xda"  # never inside of entropy-coded data


class PictureSizeError(ValueError):
    """The picture is whole as far as its header shows, but too large; the message says how."""


def require_size(height: int, width: int) -> None:
    """Checks a size in pixels.

    Raises:
        PictureSizeError: if it is above the limit, or nothing.
    """
    if min(height, width) < 1:
        raise PictureSizeError(f"{height} x {width} pixels; no picture is that small")
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise PictureSizeError(
            f"{height} x {width} pixels; more than {MAX_SIDE} a side or "
            f"{MAX_PIXELS // 10**6} million in all is refused"
        )


def jpeg_header(data: bytes) -> tuple[int, int, str]:
    """Returns (height, width) in pixels and the colour space of a JPEG, by its header.

    Args:
        data: the encoded picture, or the first part of it that holds the header.

    Raises:
        PictureSizeError: if decoding it would take more than the limit.
        ValueError: if the header is not that of a JPEG.
    """
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    require_size(height, width)
    if (scans := data.count(_START_OF_SCAN)) > MAX_SCANS:
        raise PictureSizeError(f"a JPEG image of {scans} scans; more than {MAX_SCANS} is refused")
    return height, width, colours


def png_size(data: bytes) -> tuple[int, int]:
    """Returns (height, width) in pixels of a PNG, by its header.

    Raises:
        PictureSizeError: if it is above the limit.
        ValueError: if the header is not that of a PNG.
    """
    if not data.startswith(PNG_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 24:
        raise ValueError("not a PNG image, or cut off in its header")
    width, height = struct.unpack(">II", data[16:24])
    require_size(height, width)
    return height, width


def webp_size(data: bytes) -> tuple[int, int]:
    """Returns (height, width) in pixels of a WebP, by its header.

    Raises:
        PictureSizeError: if it is above the limit.
        ValueError: if the header is not that of a WebP, or the file is cut short.
    """
    if len(data) < 30 or len(data) < struct.unpack("<I", data[4:8])[0] + 8:
        raise ValueError("truncated WebP image")
    chunk = data[12:16]
    if chunk == b"VP8X":  # 24 bits each, less one
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif chunk == b"VP8L":  # 14 bits each, less one
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif chunk == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", data[26:30]))
    else:
        raise ValueError("not a WebP image")
    require_size(height, width)
    return height, width


def bmp_size(data: bytes) -> tuple[int, int]:
    """Returns (height, width) in pixels of a BMP, by its header.

    Raises:
        PictureSizeError: if it is above the limit.
        ValueError: if the file is cut short in its header.
    """
    if len(data) < 26:
        raise ValueError("truncated BMP image")
    old = data[14:18] == b"\x0c\0\0\0"
    width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
    require_size(abs(height), width)  # negative: rows from the top
    return abs(height), width


def picture_size(data: bytes) -> tuple[int, int]:
    """Returns (height, width) in pixels of an encoded JPEG or PNG, by its header.

    Raises:
        PictureSizeError: if decoding it would take more than the limit.
        ValueError: if the header is of neither kind.
    """
    return png_size(data) if data.startswith(PNG_SIGNATURE) else jpeg_header(data)[:2]
