"""Locks between processes that end with the process holding them, however it ends."""

import contextlib
import errno
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from dfer_jax.errors import UserError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None

_HELD = frozenset({errno.EAGAIN, errno.EACCES})  # the latter over NFS
_WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


def take(file: TextIO) -> bool:
    """Takes the lock on an open file until it is closed everywhere; False if another has it.

    Where the file system has no locks this is said once, and the lock counts as taken.
    """
    return _lock(file, wait=False)


def wait_for(file: TextIO) -> None:
    """Takes the lock on an open file as soon as nobody else has it; see `take`."""
    _lock(file, wait=True)


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


def _lock(file: TextIO, *, wait: bool) -> bool:
    if fcntl is None:
        warn_without("this system has none")
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in _HELD:
            return False
        if error.errno not in _WITHOUT_LOCKS:
            raise
        warn_without(f"{os.path.dirname(file.name)}: {error.strerror}")
    return True
