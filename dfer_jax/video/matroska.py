"""Tells whether a Matroska or WebM file is whole: FFmpeg reads a cut one without a word."""

import os
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_LONGEST_HEADER = 4096  # bytes; some forty are usual


def missing_bytes(path: Path) -> int:
    """Returns how many bytes a file lacks at its end; 0 if none, or if it does not say.

    Live recordings, as those of browsers, do not say. Other kinds of files lack none.

    Raises:
        OSError: if the file cannot be read.
    """
    with open(path, "rb") as file:
        if _number(file, marker=True) != _EBML:
            return 0
        length = _number(file)
        if length is None or length > _LONGEST_HEADER:
            return 0
        file.seek(length, os.SEEK_CUR)
        if _number(file, marker=True) != _SEGMENT:
            return 0
        length = _number(file)
        if length is None:
            return 0
        return max(0, file.tell() + length - os.fstat(file.fileno()).st_size)


def _number(file: BinaryIO, *, marker: bool = False) -> int | None:
    """Returns an EBML number (RFC 8794, section 4); None if it is not there or means unknown.

    Args:
        file: at the number.
        marker: keep the bit that tells its length, as names of elements do.
    """
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    if len(rest) < more:
        return None
    value = int.from_bytes(first + rest, "big")
    if marker:
        return value
    bits = 7 * (more + 1)
    value &= (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value
