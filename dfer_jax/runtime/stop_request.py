"""Stopping a run between two steps."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from absl import logging

from dfer_jax import signals
from dfer_jax.errors import StoppedError, UserError, unread_by


class StopRequest:
    """Turns Ctrl-C, SIGTERM and a closed terminal into a flag, for the loop to save and stop."""

    def __init__(self) -> None:
        self.requested = False
        self.number = int(signal.SIGTERM)  # where another process of the run was asked
        self._unwritten = ""
        self._count = signals.Count()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in signals.NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def if_unread(self) -> Iterator[None]:
        """Asks to stop if what the block prints has no reader, as in `| head`, or no room."""
        try:
            yield
        except OSError as error:
            self.requested = True
            if number := unread_by(error):
                self.number = int(number)
            else:
                self._unwritten = error.strerror or str(error)

    def stopped(self, done: str) -> UserError:
        """Returns what to raise once all is saved; says what was done."""
        again = "run the same command again to go on"
        if not self._unwritten:
            return StoppedError(f"{done}; {again}", self.number)
        return UserError(
            f"{done}, for what is printed cannot be written ({self._unwritten}); change that and "
            f"{again}"
        )

    def _note(self, number: int, _: object) -> None:
        if self._count.add(number) > 1:  # stop now
            raise signals.StopError
        signals.received.append(number)
        if self.requested:
            return
        self.number = number
        logging.warning("received %s: stopping after this step", signal.Signals(number).name)
        self.requested = True
