"""Clips whose reading takes as long as a test wants, for processes that are killed meanwhile."""

import dataclasses
import os
import time

import numpy as np

from dfer_jax.data.readers import notes


class SlowToSend:
    """Half of a message is on its way when this is pickled."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __reduce__(self):
        time.sleep(self.seconds)
        return SlowToSend, (0,)


class UnsendableError(Exception):
    """Cannot be unpickled."""

    def __init__(self, clip, place):
        super().__init__(f"{clip} at {place}")


@dataclasses.dataclass(frozen=True)
class Clips:
    """Clip i is `(i, process id, 1 MB, ...)`."""

    seconds: float = 0.0
    seconds_to_send: float = 0.0
    slow_from: int = 0
    error_at: int = -1
    ballast: bytes = b""

    def __len__(self):
        return 1000

    def __getitem__(self, index):
        notes.at(f"clip {index:05}")
        if index == self.error_at:
            raise UnsendableError(index, "the end")
        slow = index >= self.slow_from
        time.sleep(self.seconds * slow)
        block = np.full(2**20, index % 256, np.uint8)
        return index, os.getpid(), block, SlowToSend(self.seconds_to_send * slow)


@dataclasses.dataclass(frozen=True)
class SlowToOpen(Clips):
    """Takes two seconds to arrive in another process, at work, or a minute, asleep."""

    busy: bool = False

    def __setstate__(self, state):
        self.__dict__.update(state)
        until = time.monotonic() + 2
        while self.busy and time.monotonic() < until:
            pass
        time.sleep(0 if self.busy else 60)
