"""Says of archives beside a release that they are not extracted yet, or were cut short."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from tfds_builders.tree import Tree

_UNFINISHED = (".crdownload", ".part", ".partial", ".download")
_PARTS = (".001", ".z01")
SUFFIXES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", *_UNFINISHED, *_PARTS)

_LFS = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024  # Git LFS never writes a longer one


def why_incomplete(archives: Sequence[Path], tree: Tree) -> str:
    """Returns a clause on what may be the reason that clips are not there, or nothing.

    Args:
        archives: found in the folder.
        tree: the folder; a link out of it explains more than an archive.
    """
    if tree.problems:
        return f"; {tree.problems[0]}"
    if not archives:
        return ""
    unfinished = [path for path in archives if path.suffix.lower() in _UNFINISHED]
    if unfinished:
        return f"; {_names(unfinished, tree)} not downloaded to the end: download again"
    parts = [path for path in archives if path.suffix.lower() in _PARTS]
    if parts:
        return (
            f"; {_names(parts, tree)} the first part of a divided archive: put all parts into one "
            "folder and extract them together, as with 7-Zip"
        )
    broken = [path for path in archives if path.suffix.lower() == ".zip" and not _is_whole(path)]
    if broken:
        return f"; {_names(broken, tree)} cut short or damaged: download again, then extract"
    return f"; {_names(archives, tree)} not extracted, or not whole: extract again"


def _is_whole(path: Path) -> bool:
    """Whether a ZIP file has its directory, which is written last."""
    try:
        return zipfile.is_zipfile(path)
    except OSError:
        return False


def _names(paths: Sequence[Path], tree: Tree) -> str:
    first = tree.relative(min(paths))
    return f"{first} is" if len(paths) == 1 else f"{first} and {len(paths) - 1:,} more are"


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is what Git leaves in the place of one that Git LFS did not fetch."""
    try:
        if path.stat().st_size > _POINTER_BYTES:
            return False
        with open(path, "rb") as file:
            return file.read(len(_LFS)) == _LFS
    except OSError:
        return False  # told when it is read
