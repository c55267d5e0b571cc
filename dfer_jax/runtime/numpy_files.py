"""Reading `.npy` and `.npz` files, from any number of threads.

NumPy parses the header of every array as Python source, which Python 3.11 cannot do in two threads
at once ("AST constructor recursion depth mismatch").
"""

import contextlib
import os
import threading
from collections.abc import Collection

import numpy as np

from dfer_jax.errors import UserError

PARSING = threading.RLock()
"""Held while a header is parsed."""


def read_npz(
    path: str | os.PathLike[str], *, only: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Returns name -> array of an `.npz` file, or only those of these names that it has.

    Raises:
        OSError, EOFError, ValueError, zipfile.BadZipFile: if it cannot be read or is damaged.
    """
    with PARSING, np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if only is None or name in only}


def map_npy(path: str | os.PathLike[str], *, mode: str = "r") -> np.ndarray:
    """Returns the array of an `.npy` file, mapped into memory; modes "r" and "r+".

    Raises:
        OSError, EOFError, ValueError: if it cannot be read or is damaged.
    """
    with PARSING:
        return np.load(path, mmap_mode=mode, allow_pickle=False)


def check_whole(path: str | os.PathLike[str], size: int, *, remedy: str) -> None:
    """Refuses a mapped file that has been cut short: reading past its end kills the process.

    Call it before each read. One that was deleted can still be read where it is mapped already.

    Args:
        path: of the file.
        size: bytes that it had when it was mapped.
        remedy: what to do.

    Raises:
        UserError: if it is shorter now.
    """
    with contextlib.suppress(FileNotFoundError):
        if (found := os.stat(path).st_size) < size:
            raise UserError(f"{path} has been cut short to {found:,} of {size:,} bytes; {remedy}")
