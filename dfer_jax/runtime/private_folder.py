"""Where the program keeps what it compiled, for this user and this kind of machine.

`$XDG_CACHE_HOME/dfer_jax/<name>` or `~/.cache/dfer_jax/<name>`. Whoever can write there can run
code as the user, for what is found is executed: the folder is made for its owner alone and is not
used if it is not.
"""

import contextlib
import hashlib
import os
import platform
import stat
from pathlib import Path


def of_this_machine(name: str) -> Path:
    """Returns the folder of that name, made if missing, private and writable.

    Raises:
        OSError: if that is not so.
        RuntimeError: if the user has no home.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache"
    folder = base / "dfer_jax" / name / _kind_of_machine()
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
