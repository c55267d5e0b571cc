"""Locks between processes that end with the process holding them, however it ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from dfer_jax.errors import UserError


def take(file: TextIO) -> bool:
    """Takes the lock on an open file until it is closed everywhere; False if another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
