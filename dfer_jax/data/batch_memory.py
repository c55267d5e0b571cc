"""Memory for batches that is used again once nobody holds the batch."""

import collections
import math

import numpy as np
from jaxtyping import UInt8

_MOST_FREE = 4  # blocks kept for later


class BatchMemory:
    """Hands out uint8 arrays; the memory of one that nobody holds any more is handed out again.

    A new array of some 30 MB comes from the kernel page by page, each one zeroed first, which can
    take longer than filling it. Arrays count as held as long as any view of them is alive, a
    transfer to a device included. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._free: collections.deque[np.ndarray] = collections.deque(maxlen=_MOST_FREE)

    def empty(self, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
        """Returns an array of this shape, its contents arbitrary."""
        size = math.prod(shape)
        try:
            block = self._free.popleft()
        except IndexError:
            block = np.empty(size, np.uint8)
        if block.size != size:  # the batch size changed; let go of the old block
            block = np.empty(size, np.uint8)
        return np.asarray(_Loan(block, self._free)).reshape(shape)

    def __reduce__(self) -> tuple[type, tuple]:
        return BatchMemory, ()  # another process has memory of its own


class _Loan:
    """Owner of one array handed out, alive as long as the array or a view of it."""

    def __init__(self, block: np.ndarray, free: collections.deque[np.ndarray]) -> None:
        self._block, self._free = block, free
        self.__array_interface__ = block.__array_interface__

    def __del__(self) -> None:
        self._free.append(self._block)
