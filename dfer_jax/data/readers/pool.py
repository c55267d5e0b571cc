"""Items of a sequence, read ahead by processes and handed on in order.

Every process has pipes of its own, and nothing is locked between processes: one that is killed in
the middle of a message, or stopped, takes nobody with it. Its end of the pipe closes when it dies,
which is noticed at once; that it hangs is noticed by its notes, which stand still.

Deviates: no loader of a library, because those known to us (Grain, `concurrent.futures`) share one
queue between processes, which half a message of a killed one blocks for ever.
"""

import contextlib
import multiprocessing
import pickle
import queue
import signal
import threading
from collections.abc import Iterator
from multiprocessing import util
from typing import Any

from dfer_jax import signals
from dfer_jax.data.readers import notes
from dfer_jax.data.readers.process import THREADS, Items, serve
from dfer_jax.errors import StoppedError, UserError

PATIENCE = 40
"""Seconds that one clip may take before its process counts as stuck."""
_HURRY = 3  # as many once the run has been asked to stop
_STARTING = 300  # as many for a process to start where its processor time is not known
_LOOK = 1.0  # between two looks at a process that sends nothing
_AHEAD = 2 * THREADS  # items asked of a process at a time: being read, and waiting to be taken
_ON = "run the same command again to go on from the last checkpoint"
_LOST = object()


def read_ahead(items: Items, num_processes: int) -> Iterator[Any]:
    """Yields all items in order, as `items[0]`, `items[1]`, ... give them in another process.

    Args:
        items: what to read.
        num_processes: at least 1. Each holds up to four items.

    Raises:
        UserError: if a process has died or is stuck, naming what it read.
        StoppedError: if the run was asked to stop and a process is stuck.
        BaseException: whatever an item raises, in its place.
    """
    work = pickle.dumps(items)
    with contextlib.ExitStack() as stack:
        readers = []
        for number in range(min(num_processes, len(items))):
            share = range(number, len(items), num_processes)
            readers.append(stack.enter_context(_Reader(work, share)))
        for index in range(len(items)):
            yield readers[index % num_processes].take(index)


class _Reader:
    """One process, a thread that tells it what to do, and one that receives what it sends."""

    def __init__(self, work: bytes, share: range) -> None:
        context = multiprocessing.get_context("spawn")
        self._memory = notes.shared(THREADS)
        asked, self._requests = context.Pipe(duplex=False)
        self._answers, answers = context.Pipe(duplex=False)
        self._process = context.Process(
            target=serve, args=(asked, answers, self._memory), daemon=True
        )
        try:
            with signals.starting_processes():
                self._process.start()
                self._end = util.Finalize(None, self._process.kill, exitpriority=10)
        except BrokenPipeError as error:
            raise UserError(
                f"a process that reads clips was killed as it started; {_ON}"
            ) from error
        asked.close()
        answers.close()  # so that it has one end, which closes with the process
        self._received: queue.SimpleQueue = queue.SimpleQueue()
        self._early: dict[int, tuple[Any, BaseException | None]] = {}
        self._share = iter(share)
        self._told: queue.SimpleQueue = queue.SimpleQueue()
        self._told.put(work)
        for _ in range(_AHEAD):
            self._request()
        threading.Thread(target=self._tell, daemon=True).start()
        threading.Thread(target=self._receive, daemon=True).start()

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()  # one that is stopped would not notice
        self._told.put(None)
        self._process.join(timeout=5)

    def take(self, index: int) -> Any:
        """Waits for an item."""
        while index not in self._early:
            number, *answer = self._next()
            self._early[number] = answer
        item, error = self._early.pop(index)
        if error is not None:
            raise error
        self._request()
        return item

    def _request(self) -> None:
        index = next(self._share, None)
        if index is not None:
            self._told.put(index)

    def _tell(self) -> None:
        """In a thread, which a process blocks that is stopped before it has read its work."""
        with self._requests, contextlib.suppress(BrokenPipeError):
            for message in iter(self._told.get, None):
                self._requests.send(message)

    def _receive(self) -> None:
        """In a thread, which half a message of a stopped process may block."""
        with self._answers, open(self._answers.fileno(), "rb", closefd=False) as file:
            try:
                while True:
                    self._received.put(pickle.load(file))
            except (EOFError, pickle.UnpicklingError):
                self._received.put(_LOST)
            except BaseException as error:
                self._received.put(error)

    def _next(self) -> tuple[int, Any, BaseException | None]:
        """Returns what arrives next; looks after the process meanwhile.

        Looks, one a second, are counted, not time, in which all processes may have been stopped.
        """
        before, looks = None, 0
        while True:
            try:
                answer = self._received.get(timeout=_LOOK)
            except queue.Empty:
                taken = notes.taken(self._memory)
                at_clips = any(note.count for note in taken)
                now = taken, None if at_clips else _processor_time(self._process.pid)
                looks = looks + 1 if now == before else 0
                before = now
                if signals.received and looks >= _HURRY:
                    raise StoppedError(f"stopped: {self._stuck(taken, looks)}") from None
                if looks >= (PATIENCE if at_clips or now[1] else _STARTING):
                    raise UserError(self._stuck(taken, looks)) from None
                continue
            if answer is _LOST:
                raise UserError(self._lost())
            if isinstance(answer, BaseException):  # no memory for the item, say
                raise answer
            return answer

    def _stuck(self, taken: list[notes.Note], seconds: int) -> str:
        return (
            f"a process that reads clips has stood still for {seconds} s {_where(taken)}; see "
            f"whether the storage answers, then {_ON}"
        )

    def _lost(self) -> str:
        self._process.join(timeout=5)
        code = self._process.exitcode
        how = f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        return (
            f"a process that reads clips {how} {_where(notes.taken(self._memory))}; if memory was "
            f"short lower data.num_workers, then {_ON}"
        )


def _processor_time(process: int) -> list[str] | None:
    """What a process has used, which grows while it starts; None where the system does not tell."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[11:13]
    except OSError:
        return None


def _where(taken: list[notes.Note]) -> str:
    names = sorted({note.name for note in taken if note.at_work})
    if names:
        return f"at {' and '.join(names)}"
    last = max(taken, key=lambda note: note.count)
    return f"after {last.name}" if last.count else "before its first clip"
