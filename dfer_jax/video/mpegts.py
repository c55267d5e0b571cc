"""MPEG transport streams (.ts, .m2ts): whether one packet follows the other.

FFmpeg looks for the next packet where one is damaged, and notices the loss by a counter that
repeats every 16 packets: as many that are lost are not noticed.
"""

from pathlib import Path

import numpy as np

_SYNC = 0x47
_LAYOUTS = ((188, 0), (192, 4))  # bytes of a packet, and before its first; the latter of cameras
_SURE = 5  # packets that tell such a file by its first bytes
_AT_ONCE = 50_000  # packets


def damaged_packets(path: Path) -> int:
    """Returns how many packets of a transport stream do not begin as one; 0 of another file.

    Raises:
        OSError: if it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(_SURE * 192)
        for size, before in _LAYOUTS:
            begins = head[before::size]
            if len(begins) >= _SURE and set(begins[:_SURE]) == {_SYNC}:
                break
        else:
            return 0
        file.seek(0)
        damaged = 0
        while block := file.read(size * _AT_ONCE):
            damaged += int((np.frombuffer(block, np.uint8)[before::size] != _SYNC).sum())
    return damaged
