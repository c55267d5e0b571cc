"""Writes files that must survive a kill and a power loss: whole and new, or as they were."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from typing import IO

from dfer_jax.runtime import file_lock

_NEW = ".new"


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO]:
    """Opens a new file that takes the place of `path` in one move when the block ends well.

    The bytes are on the disk before the move, and the move before this returns. A block that
    raises leaves `path` as it was and nothing beside it.

    Args:
        path: in a folder that exists.
        mode: "w" for UTF-8 text with the line ends as given, or "wb".

    Raises:
        UserError: if another process is writing it.
        OSError: if it cannot be written.
    """
    path, new = os.fspath(path), unfinished(path)
    file = file_lock.open_to_write(path, new, mode)
    try:
        with file:
            try:
                file.truncate(0)  # what a killed process left
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(new, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(new)  # before it is closed: then it may be another process's
                raise
    except OSError as error:
        if error.filename is None:
            error.filename = path  # that of a write that fails is not told
        raise
    sync_folder(os.path.dirname(path))


def unfinished(path: str | os.PathLike[str]) -> str:
    """Returns what a file or folder is called while it is written."""
    return os.fspath(path) + _NEW


def clear_unfinished_file(path: str | os.PathLike[str]) -> None:
    """Deletes what a `replacing` of this path left that was killed; OSError if it cannot."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(unfinished(path))


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[str]:
    """Makes a folder beside `path` that takes its place in one move when the block ends well.

    A block that raises leaves nothing; what a killed one left is deleted by the next.

    Args:
        path: missing, or an empty folder.

    Raises:
        UserError: if another process is writing it.
        OSError: if it cannot be written, or something lies in it.
    """
    path = os.path.realpath(path)
    new = unfinished(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with file_lock.only_writer(path):
        if os.path.isdir(path) and os.listdir(path):  # another process was faster
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        shutil.rmtree(new, ignore_errors=True)
        try:
            os.makedirs(new)
            yield new
            os.rename(new, path)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    sync_folder(os.path.dirname(path))


def write_json(path: str | os.PathLike[str], value: object) -> None:
    """Writes a JSON file as `replacing` does, with its folder.

    Raises:
        OSError: if it cannot be written.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with replacing(path) as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")


def sync_folder(folder: str) -> None:
    """Puts the names in a folder on the disk; does nothing where a file system cannot do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_file(path: str) -> None:
    """Puts a written file's bytes on the disk.

    Raises:
        OSError: if they cannot get there.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
