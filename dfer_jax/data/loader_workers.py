"""The processes that read clips ahead: what each is at, and that none dies or hangs unnoticed.

Each worker notes the clips it is reading in a file, one line a thread. When a batch is late, the
parent looks at the workers and these files, and says which clip it was.
"""

import contextlib
import functools
import multiprocessing
import os
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection, util
from pathlib import Path
from typing import Any, ClassVar

from dfer_jax.errors import UserError

PATIENCE = 30.0
"""Seconds that one clip may take to read before its worker counts as stuck."""
_LOOK = 1.0  # seconds between two looks at the workers while a batch is late
_LINE = 200  # bytes for one clip's name
_END = object()


class LostWorkerError(UserError):
    """A worker has died or is stuck, and all are ended; their loader cannot be closed any more."""


class _Notes:
    """The file of this process, if it is a worker."""

    file: int | None = None
    threads: ClassVar[dict[int, int]] = {}


@contextlib.contextmanager
def reading(clip_id: str) -> Iterator[None]:
    """Notes, in a worker, that this thread reads a clip meanwhile."""
    if _Notes.file is None:
        yield
        return
    place = _Notes.threads.setdefault(threading.get_ident(), len(_Notes.threads)) * _LINE
    os.pwrite(_Notes.file, clip_id.encode()[: _LINE - 1].ljust(_LINE - 1) + b"\n", place)
    try:
        yield
    finally:
        os.pwrite(_Notes.file, b" " * (_LINE - 1) + b"\n", place)


def start(folder: str, *_: int) -> None:
    """Begins a worker's notes; it leaves Ctrl-C to its parent, and ends when that has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path = os.path.join(folder, str(os.getpid()))
    _Notes.file = os.open(path, os.O_RDWR | os.O_CREAT)
    util.Finalize(None, os.unlink, args=(path,), exitpriority=1)  # what is killed leaves it
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


@contextlib.contextmanager
def watching() -> Iterator[tuple[Callable[..., None], Callable[[Iterator[Any]], Iterator[Any]]]]:
    """Watches over the workers of one loader.

    Yields:
        what each worker is to call when it starts, and a function that passes a loader's batches
        on; that raises `UserError`, naming the clip, when a worker has died or is stuck.
    """
    with tempfile.TemporaryDirectory(prefix="dfer_loader_") as folder:
        yield functools.partial(start, folder), functools.partial(_batches, Path(folder))


def _batches(folder: Path, iterator: Iterator[Any]) -> Iterator[Any]:
    asked: queue.SimpleQueue = queue.SimpleQueue()
    answers: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_read, args=(iterator, asked, answers), daemon=True).start()
    try:
        while True:
            asked.put(True)
            while (answer := _answer(answers)) is None:
                _look(folder)
            batch, error = answer
            if error is not None:
                if not isinstance(error, UserError):
                    _look(folder)  # for the clip
                raise error
            if batch is _END:
                return
            yield batch
    finally:
        asked.put(False)


def _read(iterator: Iterator[Any], asked: queue.SimpleQueue, answers: queue.SimpleQueue) -> None:
    """Takes one batch for each request, in a thread of its own, which a dead worker may block."""
    while asked.get():
        try:
            answers.put((next(iterator, _END), None))
        except BaseException as error:
            answers.put((None, error))


def _answer(answers: queue.SimpleQueue) -> tuple[Any, BaseException | None] | None:
    try:
        return answers.get(timeout=_LOOK)
    except queue.Empty:
        return None


def _look(folder: Path) -> None:
    """Raises if a worker that has notes here has died, or has been at one clip for too long."""
    multiprocessing.active_children()  # buries the dead
    for notes in folder.iterdir():
        clips = ", ".join(notes.read_text(errors="replace").split())
        if not _lives(int(notes.name)):
            _end_all(folder)
            raise LostWorkerError(
                f"a process that reads clips was killed or crashed, at {clips or 'no clip'}; is "
                "memory short? run the same command again to go on from the last checkpoint"
            )
        if clips and time.time() - notes.stat().st_mtime > PATIENCE:
            _end_all(folder)
            raise LostWorkerError(
                f"a process that reads clips has been at {clips} for {PATIENCE:.0f} s; is the "
                "storage answering? run the same command again to go on from the last checkpoint"
            )


def _end_all(folder: Path) -> None:
    """Ends the workers: a stuck one would outlive the run."""
    for notes in folder.iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(notes.name), signal.SIGKILL)


def _end_with(parent: int) -> None:
    connection.wait([parent])
    os._exit(1)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
