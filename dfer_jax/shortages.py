"""What ran out behind an exception of any library: the disk, a quota, a place to write, memory."""

import contextlib
import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any

_ROOM = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room in your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DEVICE = frozenset({errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})
_RIGHTS = frozenset({errno.EACCES, errno.EPERM})
_PLACES = _IN_THE_WAY | _RIGHTS | {errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP}
_PATH = re.compile(r"[\"' ](/[^\"'\[\]]+?)[\"';:,]")
_DEVICE_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory", "out of memory")
_HOST_MEMORY = ("YNNPACK operation failed",)  # all that the CPU's matrix products say of it


def of_storage(error: BaseException, *, needed: int = 0, where: str = "") -> str | None:
    """Returns one sentence on a disk that is full, gone or closed to us; None of anything else.

    The error itself is looked at, and those it was raised from: libraries wrap what the system
    says, or only quote it.

    Args:
        error: whatever was raised.
        needed: bytes that were to be written, where known.
        where: what was being written, for errors that name no file.
    """
    for link in _chain(error):
        code = _code(link)
        if code is None:
            continue
        path = _path(link) or where
        what = f"{path or 'a file, or what is printed'}: {os.strerror(code)}"
        if code in _ROOM:
            wants = f"{in_words(needed)} needed, " if needed else ""
            free = f" ({wants}{in_words(_free(path))} free)" if path and code in _FULL else ""
            return (
                f"{what}{free}; nothing written before is lost: {_ROOM[code]} and run the same "
                "command again"
            )
        if code in _DEVICE:
            return (
                f"{what}; look after the disk or the connection to it and run the same command "
                "again: nothing written before is changed"
            )
        if code in _RIGHTS:
            return f"{what}; give this account the right to it, or choose another place"
        if code in _IN_THE_WAY:
            return f"{what}; move what is in the way, or choose another place"
        return f"{what}; choose another place"
    return None


def is_of_place(error: OSError) -> bool:
    """Returns whether another place would help: one that is closed to us, or taken."""
    return error.errno in _PLACES


def is_full(error: BaseException) -> bool:
    """Returns whether a disk or a quota that is full is behind an error."""
    return any(_code(link) in _FULL for link in _chain(error))


def of_memory(error: BaseException) -> str | None:
    """Returns whose memory ran out, "this machine's" or "the device's"; None of anything else."""
    for link in _chain(error):
        if isinstance(link, MemoryError):
            return "this machine's"
        if type(link).__name__ in ("XlaRuntimeError", "JaxRuntimeError"):
            if any(words in str(link) for words in _HOST_MEMORY):
                return "this machine's"
            if any(words in str(link) for words in _DEVICE_MEMORY):
                return "this machine's" if _computes_on_cpu() else "the device's"
    return None


def _computes_on_cpu() -> bool:
    jax: Any = sys.modules.get("jax")  # which has raised the error; this floor does not load it
    return jax is not None and jax.default_backend() == "cpu"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _code(error: BaseException) -> int | None:
    """The system's number of a shortage that an error is of, or quotes."""
    known = _ROOM.keys() | _DEVICE | _PLACES
    if isinstance(error, OSError):
        return error.errno if error.errno in known else None
    if not isinstance(error, RuntimeError | ValueError):
        return None
    text = str(error)
    if quoted := re.search(r"os_error_code='(\d+)'|OS error (\d+)", text):
        code = int(quoted[1] or quoted[2])
        return code if code in known else None
    return next((code for code in (*_ROOM, errno.EROFS) if os.strerror(code) in text), None)


def _path(error: BaseException) -> str:
    named = error.filename if isinstance(error, OSError) else None
    if named is not None and not isinstance(named, int):
        return os.fsdecode(named)
    found = _PATH.search(str(error))
    return found[1] if found else ""


def _free(path: str) -> int:
    """Bytes free where a file would be, which need not exist yet."""
    folder = os.path.abspath(path)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free
    return 0


def in_words(size: int) -> str:
    """Returns "2.3 MB" for a number of bytes."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
