"""Scalars for TensorBoard.

Deviates: no `SummaryWriter`, whose thread dies unheard on a full disk and leaves the run waiting
for it; events are written at once, and what the disk says is heard.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

_FLUSH_EVERY = 120  # seconds


class TensorBoardEvents:
    """One file of events; TensorBoard hides those of earlier files from its first step on."""

    def __init__(self, folder: str, *, first_step: int) -> None:
        """Opens a new file.

        Args:
            folder: for the files of a run.
            first_step: of what will be written.

        Raises:
            OSError: if it cannot be written; so do the methods.
        """
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        with self._named():
            self._file = EventsWriter(os.path.join(folder, "events"))
        self._flushed = time.monotonic()
        start = SessionLog(status=SessionLog.START)
        self._write(Event(step=first_step, session_log=start, wall_time=time.time()))

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes the scalars of a step."""
        values = [Summary.Value(tag=k, simple_value=v) for k, v in scalars.items()]
        self._write(Event(step=step, wall_time=time.time(), summary=Summary(value=values)))
        if time.monotonic() - self._flushed > _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Puts what was written on the disk."""
        with self._named():
            self._file.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Flushes and closes the file."""
        with self._named():
            self._file.close()

    def _write(self, event: Event) -> None:
        with self._named():
            self._file.write_event(event)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Lets errors name the folder: Python does not tell the file of a write."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or self._folder
            raise
