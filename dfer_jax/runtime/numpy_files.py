"""Reading `.npz` files, from any number of threads; `row_files` reads `.npy` files.

NumPy parses the header of every array as Python source, which Python 3.11 cannot do in two threads
at once ("AST constructor recursion depth mismatch").
"""

import os
import threading
from collections.abc import Collection

import numpy as np

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
