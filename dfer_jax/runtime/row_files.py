"""Files of many rows, read a few at a time by any number of threads, and never mapped into memory.

Reading a mapped file that was cut short meanwhile, or whose disk fails, kills the process; a read
that comes back short is a sentence.
"""

import os
import weakref
from pathlib import Path

import numpy as np

from dfer_jax.errors import UserError
from dfer_jax.runtime.numpy_files import PARSING


class OpenFile:
    """A file that is open for reading at any place; one that was deleted can still be read."""

    def __init__(self, path: str | os.PathLike[str], *, remedy: str) -> None:
        """Opens it.

        Args:
            path: of the file.
            remedy: what to do if it is found cut short, for the message.

        Raises:
            OSError: if it cannot be opened.
        """
        self._path, self._remedy = Path(path), remedy
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, size: int, *, at: int) -> bytes:
        """Returns so many bytes from a place on; raises as `read_into` does."""
        data = bytearray(size)
        self.read_into(memoryview(data), at=at)
        return bytes(data)

    def read_into(self, memory: memoryview, *, at: int) -> None:
        """Fills memory with the bytes from a place on.

        Raises:
            UserError: if the file is too short for that.
            OSError: if it cannot be read; names the file.
        """
        done = 0
        while done < len(memory):
            try:
                count = os.preadv(self._descriptor, [memory[done:]], at + done)
            except OSError as error:
                error.filename = str(self._path)
                raise
            if not count:
                raise UserError(
                    f"{self._path} has been cut short to "
                    f"{os.fstat(self._descriptor).st_size:,} bytes, of which at least "
                    f"{at + len(memory):,} were there; {self._remedy}"
                )
            done += count


class RowFile:
    """The rows of an `.npy` file.

    Attributes:
        shape: of the whole array, the rows first.
        dtype: of its values.
    """

    def __init__(self, path: str | os.PathLike[str], *, remedy: str) -> None:
        """Opens it and reads its header; see `OpenFile`.

        Raises:
            OSError, ValueError: if it cannot be read, is none, or is too short.
        """
        with open(path, "rb") as file, PARSING:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("its header is of another version")
            self.shape, by_column, self.dtype = np.lib.format.read_array_header_1_0(file)
            self._start = file.tell()
            if by_column or self.dtype.hasobject:
                raise ValueError("its values are not stored row by row")
            needed = self._start + self.dtype.itemsize * int(np.prod(self.shape))
            if (found := os.fstat(file.fileno()).st_size) < needed:
                raise ValueError(f"it has {found:,} of {needed:,} bytes")
        self._file = OpenFile(path, remedy=remedy)
        self._row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:]))

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Returns some rows, in any order and as often as wanted, those that follow at once.

        Args:
            rows: int `[n]`.
            out: contiguous `[n, ...]` of the file's type, to read into; None: a new array.

        Raises:
            UserError: if the file has been cut short.
            OSError: if it cannot be read.
        """
        if out is None:
            out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        if not len(rows):
            return out
        memory = memoryview(out).cast("B")
        ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        first = 0
        for end in ends:
            part = memory[first * self._row_bytes : end * self._row_bytes]
            self._file.read_into(part, at=self._start + int(rows[first]) * self._row_bytes)
            first = end
        return out
