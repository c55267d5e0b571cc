"""Replaces a built data set in one move: a kill at any moment leaves the old one, or none.

TFDS writes into `incomplete.XXXXXX_<version>` and renames it at the end; a killed process leaves
that folder, and an old data set that was moved aside. Both are put right by the next build, which
holds a lock, so that it does not take a running build's folder for a dead one's.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from dfer_jax.runtime import file_lock


@contextlib.contextmanager
def locked(built: Path) -> Iterator[Path]:
    """Yields the path of a data set's version while no other process builds it; tidies up before.

    The lock ends with the process, however it ends.

    Raises:
        UserError: if another process is building it.
    """
    with file_lock.only_builder(built, lock=built.parent / ".building"):
        _tidy(built)
        yield built


def _tidy(built: Path) -> None:
    """Deletes what a killed build left, and brings the data set back that it had set aside."""
    for left in built.parent.glob(f"incomplete.*_{built.name}"):
        shutil.rmtree(left, ignore_errors=True)
    _tidy_configurations(built.parent)
    aside = _aside(built)
    if aside.exists():
        if built.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(built)


def _tidy_configurations(configuration: Path) -> None:
    """Deletes what a killed build left of the file that a data set's configurations share.

    Not while another one of them is being built, which may be writing it.
    """
    left = list(configuration.parent.glob(".config/incomplete.*"))
    locks = [path for path in configuration.parent.glob("*/.building") if left]
    with contextlib.ExitStack() as opened:
        others = [path for path in locks if path.parent != configuration]
        files = [opened.enter_context(open(path, "a", encoding="utf-8")) for path in others]
        if all(file_lock.take(file) for file in files):
            for path in left:
                path.unlink(missing_ok=True)


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
