"""Requests to stop: Ctrl-C, SIGTERM and a closed terminal; the second ends the process at once.

The first raises `KeyboardInterrupt` in the main thread, or is noted by whoever has set a handler of
its own. Python runs handlers only between two steps of its own; the second request is heard by a
thread, so that it also ends a process in the middle of compiled code.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE_REQUEST = 0.25  # seconds
_MOMENT = 0.05  # seconds, for the finaliser to end
received: list[int] = []
"""Those that came since `watch`, in order."""

_again: list[int] = []
"""Those that are repeated, for Python dropped their `StopError`, or a process was being started."""

_starting = threading.Lock()
_postponed: list[int] = []
_ending = threading.Event()  # set by the second request
_START = 5  # seconds that a process may take to be started before one is ended at once


class StopError(KeyboardInterrupt):
    """A request to stop.

    Python ends a process by SIGINT itself, whatever its exit code, if a `KeyboardInterrupt` of no
    other kind has once left text that was executed, as `dataclasses` does.
    """


class Count:
    """How often somebody asked to stop.

    What comes within `ONE_REQUEST` seconds is one request: `timeout` sends its signal to the
    process and to its group, schedulers send two kinds. A closed terminal is told of by shell and
    system, before or after a SIGTERM, and is never a second request.
    """

    def __init__(self) -> None:
        self._asked, self._since = 0, -ONE_REQUEST

    def add(self, number: int) -> int:
        """Counts a signal that came now; returns how many requests there were."""
        now = time.monotonic()
        if number != signal.SIGHUP and now - self._since >= ONE_REQUEST:
            self._asked, self._since = self._asked + 1, now
        return max(1, self._asked)


def watch() -> None:
    """Handles requests to stop from now on; one that is ignored, as under nohup, stays ignored."""
    for number in NUMBERS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_forget)
    threading.Thread(target=_listen, args=(reading,), daemon=True).start()
    sys.unraisablehook = _repeat


def exit_code(number: int) -> int:
    """Returns the exit code of a process that a signal stopped: 129 SIGHUP, 130 SIGINT, .."""
    return 128 + number


@contextlib.contextmanager
def starting_processes() -> Iterator[None]:
    """Lets a request to stop wait for the block, in which processes are started.

    One that is left half started prints a traceback. What is started has Ctrl-C blocked: it would
    come before the process can say that it leaves it to this one.
    """
    from multiprocessing import resource_tracker  # here, so that what starts nothing begins quicker

    with _starting:
        resource_tracker.ensure_running()  # starting it ends the blocking of signals
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if _postponed and not _ending.is_set():
        _ask_again(_postponed.pop())


def _interrupt(number: int, _: object) -> None:
    received.append(number)
    if len(received) > 1:  # what is being tidied since is not interrupted, unless by `_listen`
        return
    if _starting.locked():
        _postponed.append(number)
        return
    raise StopError


def _repeat(dropped: Any) -> None:
    """Asks once more where the request came in a finaliser, whose errors Python only prints."""
    if not isinstance(dropped.exc_value, StopError):
        sys.__unraisablehook__(dropped)
        return
    threading.Timer(_MOMENT, _ask_again, (received[0],)).start()


def _ask_again(number: int) -> None:
    received.clear()
    _again.append(number)
    signal.pthread_kill(threading.main_thread().ident, number)


def _listen(reading: int) -> None:
    count = Count()
    while numbers := os.read(reading, 1):
        if numbers[0] in _again:
            _again.remove(numbers[0])
        elif numbers[0] in NUMBERS and count.add(numbers[0]) == 2:
            _ending.set()
            _starting.acquire(timeout=_START)  # never released: nothing more is started
            for child in multiprocessing.active_children():
                child.kill()
            with contextlib.suppress(OSError):  # nobody may read any more
                os.write(2, b"stopped at once, nothing more was saved\n")
            os._exit(exit_code(numbers[0]))


def _forget() -> None:
    """In a child: its signals are its own."""
    global _starting
    _starting = threading.Lock()
    signal.set_wakeup_fd(-1)
    received.clear()
    _postponed.clear()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_DFL)
