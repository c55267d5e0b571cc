"""Locks between processes that end with the process holding them, however it ends."""

import contextlib
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from dfer_jax.errors import UserError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None

_HELD = frozenset({errno.EAGAIN, errno.EACCES})  # the latter over NFS
_MOST_TRIES = 1000
_WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


def take(file: IO) -> bool:
    """Takes the lock on an open file until it is closed everywhere; False if another has it.

    Where the file system has no locks this is said once, and the lock counts as taken.
    """
    return _lock(file, wait=False)


def wait_for(file: IO) -> None:
    """Takes the lock on an open file as soon as nobody else has it; see `take`."""
    _lock(file, wait=True)


def is_current(file: IO, path: str | os.PathLike[str]) -> bool:
    """Returns whether an open file is still the one of this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def only_writer(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes this process the only one that writes what has this name; no lock is left behind.

    Raises:
        UserError: if another process is writing it.
        OSError: if nothing can be written there.
    """
    folder, name = os.path.split(os.path.abspath(path))
    lock = os.path.join(folder, f".{name}.lock")
    try:
        file = _claimed(functools.partial(open, lock, "a", encoding="utf-8"), lock, what=path)
    except OSError as error:
        error.filename = os.fspath(path)  # what was asked for
        raise
    with file:
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if is_current(file, lock):
                    os.remove(lock)


def open_to_write(path: str, new: str, mode: str) -> IO:
    """Opens a file, whatever is in it, that only one process at a time writes.

    Args:
        path: what it will be, for the message.
        new: the file.
        mode: "w" for UTF-8 text with the line ends as given, or "wb".

    Raises:
        UserError: if another process is writing it.
        OSError: if it cannot be opened.
    """
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    opened = functools.partial(open, new, mode, opener=_as_it_is, **text)
    return _claimed(opened, new, what=path, warn=False)  # a run is warned of its folder once


def _as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


def _claimed(
    opened: Callable[[], IO], name: str, *, what: str | os.PathLike[str], warn: bool = True
) -> IO:
    """Opens and locks the file of a name, which another process may move or remove meanwhile."""
    for tries_left in reversed(range(_MOST_TRIES)):
        file = opened()
        if not _lock(file, wait=False, warn=warn):
            file.close()
            raise UserError(
                f"another process is writing {os.fspath(what)}; wait until it ends, or choose "
                "another place"
            )
        if is_current(file, name) or not tries_left:  # some systems number open files otherwise
            break
        file.close()
    return file


@contextlib.contextmanager
def only_builder(built: Path, *, lock: Path) -> Iterator[None]:
    """Makes this process the only one that builds something; the folder of the lock is made.

    Args:
        built: what is built, for the message.
        lock: file that all its builders lock.

    Raises:
        UserError: if another process is building it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "a", encoding="utf-8") as file:
        if not take(file):
            raise UserError(f"another process is building {built}; wait until it is done")
        yield


@contextlib.contextmanager
def taking_turns(lock: Path, *, what: str) -> Iterator[None]:
    """Lets one process at a time through; the others wait, and say for what.

    Args:
        lock: file that they all lock; its folder is made.
        what: what the block makes, for the message.

    Raises:
        OSError: if the lock cannot be written.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "a", encoding="utf-8") as file:
        if not take(file):
            print(f"another process is making {what}; waiting for it", flush=True)
            wait_for(file)
        yield


@functools.cache
def warn_without(reason: str) -> None:
    """Prints a warning, once, that files cannot be locked for some reason."""
    print(
        f"warning: files cannot be locked here ({reason}), so nothing keeps a second process out; "
        "take care not to start two at the same work",
        file=sys.stderr,
        flush=True,
    )


def _lock(file: IO, *, wait: bool, warn: bool = True) -> bool:
    if fcntl is None:
        if warn:
            warn_without("this system has none")
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in _HELD:
            return False
        if error.errno not in _WITHOUT_LOCKS:
            raise
        if warn:
            warn_without(f"{os.path.dirname(file.name)}: {error.strerror}")
    return True
