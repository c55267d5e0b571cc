"""What a folder is good for: whether it can be written, how full it and its disk are."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

_PROBE_BYTES = 2**20


def why_not_writable(folder: str | Path) -> str:
    """Returns why a file of 1 MiB cannot be written there, "" if it can; none is left behind."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def size(folder: str | Path) -> int:
    """Returns the bytes of the files in and below a folder; others may delete some meanwhile."""
    total = 0
    for path in Path(folder).rglob("*"):
        with contextlib.suppress(OSError):
            status = path.stat()
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def shown(count: int) -> str:
    """Returns a number of bytes as people read it, e.g. `1.5 GiB`."""
    for power, unit in enumerate(("B", "KiB", "MiB")):
        if count < 1024 ** (power + 1):
            return f"{count / 1024**power:.0f} {unit}"
    return f"{count / 1024**3:.1f} GiB"
