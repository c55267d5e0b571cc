"""Stopping a run between two steps."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from absl import logging

from dfer_jax import signals
from dfer_jax.errors import unread_by


class StopRequest:
    """Turns Ctrl-C, SIGTERM and a closed terminal into a flag, for the loop to save and stop."""

    def __init__(self) -> None:
        self.requested = False
        self.number = int(signal.SIGTERM)  # where another process of the run was asked
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
        """Asks to stop if nobody reads any more what the block prints, as in `dfer ... | head`."""
        try:
            yield
        except OSError as error:
            number = unread_by(error)
            if number is None:
                raise
            self.number, self.requested = int(number), True

    def _note(self, number: int, _: object) -> None:
        if self.requested:  # asked twice: stop now
            raise KeyboardInterrupt
        signals.received.append(number)
        self.number = number
        logging.warning("received %s: stopping after this step", signal.Signals(number).name)
        self.requested = True
