"""Opens ZIP archives of strangers with a bound on what they unpack to."""

import contextlib
import os
import zipfile
from collections.abc import Iterator

_ALWAYS_BYTES = 2**28
_MOST_RATIO = 20  # weights hardly compress


@contextlib.contextmanager
def open_archive(path: str) -> Iterator[zipfile.ZipFile]:
    """Opens an archive whose members, all together, fit a multiple of its own size.

    Raises:
        ValueError: if they promise more, or two have one name.
        zipfile.BadZipFile: if it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        promised = sum(member.file_size for member in members)
        if promised > max(_ALWAYS_BYTES, _MOST_RATIO * os.path.getsize(path)):
            raise ValueError(f"it promises to unpack to {promised:,} bytes")
        if len({member.filename for member in members}) != len(members):
            raise ValueError("two of its members have one name")
        yield archive
