"""Keeps compiled programs on disk, so that the second start of an experiment does not compile.

They lie in a folder of the user's own, `$XDG_CACHE_HOME/dfer_jax/xla` or `~/.cache/dfer_jax/xla`.
Whoever can write there can run code as the user, for JAX executes what it finds: the folder is made
for its owner alone and is not used if it is not. Where it cannot be used, programs are compiled
anew; that is no error. A user who sets `JAX_COMPILATION_CACHE_DIR` (or any other of JAX's settings
of the cache) is obeyed and looks after that folder.
"""

import contextlib
import hashlib
import os
import platform
import stat
from pathlib import Path

import jax
from absl import logging

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
        folder = _own_folder()
        _delete_oldest(folder, max_bytes=max_bytes)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        logging.info("compiled programs are not kept: %s", error)
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _MIN_COMPILE_SECONDS)
    return folder


def _own_folder() -> Path:
    """Returns the folder of this kind of machine, made if missing, private and writable.

    Raises:
        OSError: if that is not so.
        RuntimeError: if the user has no home.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache"
    folder = base / "dfer_jax" / "xla" / _kind_of_machine()
    for part in (folder.parent.parent, folder.parent, folder):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(part)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} cannot be written")
    return folder


def _check_private(folder: Path) -> None:
    """Raises PermissionError unless the folder is this user's and nobody else can write there."""
    status = folder.stat()
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"{folder} belongs to, or can be written by, another user")


def _kind_of_machine() -> str:
    """Names the processor's instruction sets: a home may be shared by unlike machines."""
    known = platform.machine() + platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:  # Linux
        known += "".join(next((line for line in file if line.startswith(("flags", "Feat"))), ""))
    return f"{platform.machine()}-{hashlib.sha256(known.encode()).hexdigest()[:12]}"


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
