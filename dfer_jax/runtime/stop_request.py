"""Stopping a run between two steps."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from absl import logging

from dfer_jax import signals


class StopRequest:
    """Turns Ctrl-C and SIGTERM into a flag, so that the loop can save before it stops."""

    def __init__(self) -> None:
        self.requested = False
        self.number = int(signal.SIGTERM)  # where another process of the run was asked
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
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
        except BrokenPipeError:
            self.number, self.requested = int(signal.SIGPIPE), True

    def _note(self, number: int, _: object) -> None:
        if self.requested:  # asked twice: stop now
            raise KeyboardInterrupt
        signals.received.append(number)
        self.number = number
        logging.warning("received %s: stopping after this step", signal.Signals(number).name)
        self.requested = True
