"""The process that reads: asked for items by index, it answers in whatever order they come."""

import os
import pickle
import queue
import signal
import threading
import traceback
from ctypes import Array
from multiprocessing.connection import Connection
from typing import Any, Protocol, runtime_checkable

from dfer_jax.data.readers import notes

THREADS = 2
"""Threads of a process; they read and decode outside Python's lock for most of the time."""


@runtime_checkable
class Items(Protocol):
    """A sequence that can be pickled, each item of which is a function of its index alone."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def serve(requests: Connection, answers: Connection, memory: Array) -> None:
    """Answers requests until the parent closes them or has ended; never returns.

    Requests to stop are the parent's: they often reach all processes of a job.

    Args:
        requests: where the `Items`, pickled, come from, and then indices.
        answers: where pickled `(index, item, None)`, or `(index, None, error)`, go to.
        memory: for the notes of `THREADS` threads.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    try:
        desk = _Desk(requests.recv(), answers)
        for thread in range(THREADS):
            threading.Thread(target=_work, args=(desk, asked, memory, thread), daemon=True).start()
        while True:
            asked.put(requests.recv())
    finally:
        os._exit(0)  # whatever the threads are at: nobody waits for it


class _Desk:
    """The items, and the one way out."""

    def __init__(self, work: bytes, answers: Connection) -> None:
        self._work, self._items = work, None
        self._answers = os.fdopen(answers.fileno(), "wb", closefd=False)
        self._opening, self._sending = threading.Lock(), threading.Lock()

    def items(self) -> Items:
        with self._opening:
            if self._items is None:
                self._items = pickle.loads(self._work)
        return self._items

    def send(self, index: int, item: Any, error: BaseException | None) -> None:
        with self._sending:  # written from where they lie, without a copy
            pickle.dump((index, item, error), self._answers, protocol=5)
            self._answers.flush()


def _work(desk: _Desk, asked: queue.SimpleQueue, memory: Array, thread: int) -> None:
    notes.begin(memory, thread)
    try:
        while True:
            index = asked.get()
            try:
                item, error = desk.items()[index], None
            except BaseException as raised:
                item, error = None, _portable(raised)
            notes.rest()
            desk.send(index, item, error)
            del item
    except BrokenPipeError:
        os._exit(0)
    finally:
        os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """Returns an error that arrives as it is, with its traceback as a note."""
    error.add_note("".join(["in a process that reads:\n", *traceback.format_exception(error)]))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.add_note(error.__notes__[-1])
        return told
    return error
