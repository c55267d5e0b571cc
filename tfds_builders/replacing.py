"""Replaces a built data set in one move: a kill at any moment leaves the old one, or none.

TFDS writes into `incomplete.XXXXXX_<version>` and renames it at the end; a killed process leaves
that folder, and an old data set that was moved aside. Both are put right by the next build, which
holds a lock, so that it does not take a running build's folder for a dead one's.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from dfer_jax.runtime.file_lock import only_builder


@contextlib.contextmanager
def locked(built: Path) -> Iterator[Path]:
    """Yields the path of a data set's version while no other process builds it; tidies up before.

    The lock ends with the process, however it ends.

    Raises:
        UserError: if another process is building it.
    """
    with only_builder(built, lock=built.parent / ".building"):
        _tidy(built)
        yield built


def _tidy(built: Path) -> None:
    """Deletes what a killed build left, and brings the data set back that it had set aside."""
    for left in built.parent.glob(f"incomplete.*_{built.name}"):
        shutil.rmtree(left, ignore_errors=True)
    aside = _aside(built)
    if aside.exists():
        if built.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(built)


@contextlib.contextmanager
def set_aside(built: Path) -> Iterator[None]:
    """Moves a built data set out of the way and deletes it only if the block succeeds."""
    aside = _aside(built)
    if not built.exists():
        yield
        return
    built.rename(aside)
    try:
        yield
    except BaseException:
        shutil.rmtree(built, ignore_errors=True)
        aside.rename(built)
        raise
    shutil.rmtree(aside)


def _aside(built: Path) -> Path:
    return built.with_name(f"replaced.{built.name}")
