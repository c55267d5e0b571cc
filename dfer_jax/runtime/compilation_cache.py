"""Keeps compiled programs on disk, so that the second start of an experiment does not compile.

They lie in a private folder named "xla" (`private_folder.py`). Where it cannot be used, programs
are compiled anew; that is no error. A user who sets `JAX_COMPILATION_CACHE_DIR` (or any other of
JAX's settings of the cache) is obeyed and looks after that folder.
"""

import contextlib
import os
import stat
from pathlib import Path

import jax
from absl import logging

from dfer_jax.runtime import private_folder

_MAX_BYTES = 2 * 2**30
_MIN_COMPILE_SECONDS = 0.2


def enable(*, max_bytes: int = _MAX_BYTES) -> Path | None:
    """Makes JAX keep compiled programs in the user's folder; call it before anything is compiled.

    Entries beyond `max_bytes` are deleted first, those used longest ago before others. JAX's own
    limit is not used, because it takes a lock at every read and a package of its own.

    Args:
        max_bytes: what earlier runs may have left there.

    Returns:
        the folder in use; None if the user has chosen one, or the folder cannot be used.
    """
    if jax.config.jax_compilation_cache_dir or not jax.config.jax_enable_compilation_cache:
        return None
    try:
        folder = private_folder.of_this_machine("xla")
        _delete_oldest(folder, max_bytes=max_bytes)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        logging.info("compiled programs are not kept: %s", error)
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _MIN_COMPILE_SECONDS)
    return folder


def _delete_oldest(folder: Path, *, max_bytes: int) -> None:
    """Deletes the files used longest ago until the rest is no larger; others may do so too."""
    files = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                files.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= max_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size
