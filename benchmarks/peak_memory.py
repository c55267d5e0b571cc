"""The most memory that a process has held."""

import os
import resource
import sys
from pathlib import Path

_STATUS, _REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_bytes() -> int:
    """Returns the largest resident set of this process, since `begin_anew` where that can be."""
    if _STATUS.exists():  # what getrusage tells counts the process that started this one, too
        fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def begin_anew() -> None:
    """Makes the peak what is held now, on Linux."""
    if os.access(_REFERENCES, os.W_OK):
        _REFERENCES.write_text("5")
