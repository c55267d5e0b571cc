"""What each thread of a reading process is at, for the parent to see at any time.

A thread has a place of its own in memory that both processes share. It is written without a lock,
so that a thread never waits for another, nor the parent for a process that is stuck.
"""

import multiprocessing
import struct
import threading
from ctypes import Array
from typing import NamedTuple

_SLOT = 256  # bytes for one thread
_HEAD = struct.Struct("<Q?H")  # how many notes there were, whether at work, bytes of the name


class Note(NamedTuple):
    """What one thread is at, or was at last.

    Attributes:
        count: notes that the thread has taken, 0 before the first.
        at_work: False between two batches.
        name: of what it reads.
    """

    count: int
    at_work: bool
    name: str


class _Thread(threading.local):
    slot: memoryview | None = None
    count = 0


_here = _Thread()


def shared(threads: int) -> Array:
    """Returns memory for the notes of a process, to be handed to it as it is started."""
    return multiprocessing.get_context("spawn").RawArray("c", threads * _SLOT)


def begin(memory: Array, thread: int) -> None:
    """Lets this thread write its notes from now on.

    Args:
        memory: of `shared`.
        thread: its number in the process.
    """
    _here.slot = memoryview(memory).cast("B")[thread * _SLOT : (thread + 1) * _SLOT]


def at(name: str) -> None:
    """Notes that this thread reads something now; costs nothing outside a reading process."""
    if _here.slot is not None:
        data = name.encode(errors="replace")[: _SLOT - _HEAD.size]
        _here.count += 1
        _here.slot[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(_here.slot, 0, _here.count, True, len(data))


def rest() -> None:
    """Notes that this thread waits for work."""
    if _here.slot is not None:
        count, _, size = _HEAD.unpack_from(_here.slot)
        _HEAD.pack_into(_here.slot, 0, count, False, size)


def taken(memory: Array) -> list[Note]:
    """Returns the notes of all threads of a process, dead or alive."""
    data = bytes(memoryview(memory).cast("B"))
    found = []
    for start in range(0, len(data), _SLOT):
        count, at_work, size = _HEAD.unpack_from(data, start)
        name = data[start + _HEAD.size :][:size].decode(errors="replace")
        found.append(Note(count, at_work, name))
    return found
