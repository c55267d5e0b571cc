"""How a camera was held: the orientation in a picture's EXIF data, and turning by it."""

import struct

import numpy as np
from jaxtyping import UInt8

UPRIGHT = 1
_TAG = 0x0112
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_MOST_ENTRIES = 200  # of a directory; cameras write about ten


def exif_orientation(data: bytes) -> int:
    """Returns the orientation, 1..8, that an encoded JPEG, PNG or WebP states; 1 if none.

    1 is upright, 3 upside down, 6 to be turned clockwise, 8 counter-clockwise; 2, 4, 5 and 7 are
    mirrored.
    """
    pixels = data.find(b"\xff\xda") if data.startswith(b"\xff\xd8") else len(data)
    for mark, skipped in ((b"Exif\0\0", 6), (b"eXIf", 4), (b"EXIF", 8)):
        at = data.find(mark, 0, pixels)
        if at >= 0:
            return _of_directory(data[at + skipped : at + skipped + 65536])
    return UPRIGHT


def _of_directory(block: bytes) -> int:
    """Reads the tag from a TIFF header and its first directory."""
    order = _ORDERS.get(block[:4])
    if order is None:
        return UPRIGHT
    try:
        start = struct.unpack_from(order + "I", block, 4)[0]
        number = struct.unpack_from(order + "H", block, start)[0]
        for entry in range(min(number, _MOST_ENTRIES)):
            tag, _, _, value = struct.unpack_from(order + "HHIH", block, start + 2 + 12 * entry)
            if tag == _TAG:
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:  # cut short: nothing is known
        pass
    return UPRIGHT


def turned(picture: UInt8[np.ndarray, "h w c"], orientation: int) -> UInt8[np.ndarray, "_ _ c"]:
    """Returns a picture as it is to be seen.

    Args:
        picture: as stored.
        orientation: 1..8.
    """
    if orientation in (5, 6, 7, 8):
        picture = picture.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)
