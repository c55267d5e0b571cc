"""One process at work in a work directory: whoever writes there holds its lock meanwhile.

The lock is a file that the kernel unlocks when the process ends, however it ends; over NFS that
holds between hosts. In it stand host, process and command, for the one that comes second. It is
gone when the work is done.
"""

import contextlib
import json
import os
import shlex
import socket
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any, TextIO

from dfer_jax.errors import StoppedError, UserError, unread_by
from dfer_jax.runs import checkpoint_files
from dfer_jax.runtime import file_lock, processes

LOCK_FILE = "work.lock"
_PATIENCE = 10.0  # seconds that a holder has to say who it is


@contextlib.contextmanager
def only_one(workdir: str, *, create: bool = True) -> Iterator[None]:
    """Makes this process the only one at work in a work directory.

    A directory that cannot be written, or is missing and not to be made, needs no lock: whoever
    writes there says what is wrong. Where a lock is needed and cannot be had, a warning is printed.

    Args:
        workdir: a new one that nothing was written to is gone again afterwards.
        create: whether to make it if it is missing.

    Raises:
        UserError: if another process is at work there; its host and process are named.
        StoppedError: if nobody reads what the block prints.
    """
    made = _missing(workdir) if create else []
    file = _open_locked(workdir, create=create)
    try:
        if file:
            _write_holder(file)
        yield
    except OSError as error:
        number = unread_by(error)
        if number is None:
            raise
        raise StoppedError(
            f"stopped, for nobody reads what is printed any more; what was done lies in {workdir}, "
            "and the same command goes on from there",
            number,
        ) from error
    finally:
        if file:
            with contextlib.suppress(OSError):  # the directory may be gone
                if file_lock.is_current(file, os.path.join(workdir, LOCK_FILE)):
                    os.remove(os.path.join(workdir, LOCK_FILE))
            with contextlib.suppress(OSError):  # of its words, which found no room
                file.close()
        with contextlib.suppress(OSError):  # what has something in it stays
            for folder in made:
                os.rmdir(folder)


@contextlib.contextmanager
def only_run(workdir: str, *, create: bool = True) -> Iterator[None]:
    """Does what `only_one` does for a run of several processes: the first has the lock for all.

    Raises:
        UserError: on all of them, if others are at work there.
    """
    with contextlib.ExitStack() as held:
        with processes.together():
            if processes.is_first():
                held.enter_context(only_one(workdir, create=create))
        yield


def is_unused(workdir: str) -> bool:
    """Returns whether a work directory is missing or holds nothing but a lock."""
    return not os.path.isdir(workdir) or set(os.listdir(workdir)) <= {LOCK_FILE}


def takes_import(workdir: str) -> bool:
    """Returns whether a work directory is unused, or has only what a killed import left."""
    if is_unused(workdir):
        return True
    names = set(os.listdir(workdir)) - {LOCK_FILE}
    return names == {"checkpoints"} and not checkpoint_files.finished(workdir)


def _missing(workdir: str) -> list[str]:
    """Returns the folders that must be made for a directory, the innermost first."""
    missing, folder = [], os.path.abspath(workdir)
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing


def _open_locked(workdir: str, *, create: bool) -> TextIO | None:
    """Opens and locks the lock file; None where it cannot be written."""
    path = os.path.join(workdir, LOCK_FILE)
    while True:
        try:
            if create:
                os.makedirs(workdir, exist_ok=True)
            file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 the caller closes it
        except FileNotFoundError:
            if create and os.path.isdir(os.path.dirname(os.path.abspath(workdir))):
                continue  # another process that made the directory has just removed it
            return None
        except OSError as error:
            # else whoever writes there says what is wrong
            if os.path.isdir(workdir) and os.access(workdir, os.W_OK):
                file_lock.warn_without(f"{path}: {error.strerror}")
            return None
        if not file_lock.take(file):
            with file:
                raise UserError(_refusal(workdir, file))
        if file_lock.is_current(file, path):
            return file
        file.close()  # the one before had just removed it: lock the next file of this name


def _write_holder(file: TextIO) -> None:
    typed = [os.path.basename(sys.orig_argv[0]), *sys.orig_argv[1:]]
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": textwrap.shorten(shlex.join(typed), 200, placeholder=" ..."),
    }
    with contextlib.suppress(OSError):  # a full disk: the lock holds nevertheless
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()


def _refusal(workdir: str, file: TextIO) -> str:
    """The sentence for the second; waits for a holder that has not yet said who it is."""
    until = time.monotonic() + _PATIENCE
    time.sleep(0.05)  # until what a dead process left there has been replaced
    while (holder := _read_holder(file)) is None and time.monotonic() < until:
        time.sleep(0.02)
    who = "another process"
    if holder:
        who = f"process {holder['pid']} on {holder['host']} ({holder['command']})"
    return f"{who} is at work in {workdir}; wait until it ends, or choose another work directory"


def _read_holder(file: TextIO) -> dict[str, Any] | None:
    """Returns what the holder wrote; None if that is nothing yet, or of a dead process."""
    file.seek(0)
    try:
        holder = json.loads(file.read())
        if holder["host"] == socket.gethostname():
            os.kill(holder["pid"], 0)
        return holder
    except PermissionError:
        return holder  # alive, of another user
    except (ValueError, LookupError, TypeError, OSError):
        return None
