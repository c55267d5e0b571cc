"""Finds clips that are in two splits under two names: the test would be of what was trained on."""

import collections
import hashlib
from collections.abc import Sequence
from pathlib import Path

from tfds_builders.frames import Clip


def copies_in_splits(clips: Sequence[Clip]) -> list[str]:
    """Returns a problem for each clip that is, byte by byte, also in another split.

    Only clips whose files have the sizes of another clip's are read.
    """
    alike = collections.defaultdict(list)
    for clip in clips:
        alike[_sizes(clip)].append(clip)
    problems = []
    for group in alike.values():
        if len({clip.split for clip in group}) < 2:
            continue
        first: dict[str, Clip] = {}
        for clip in group:
            other = first.setdefault(_digest(clip), clip)
            if other.split != clip.split:
                problems.append(
                    f"{other.id} ({other.split}) and {clip.id} ({clip.split}) are the same file; "
                    "remove one, or put both in one split"
                )
    return problems


def _files(clip: Clip) -> list[Path]:
    return [clip.path] if clip.video else [clip.path / name for name in clip.frames]


def _sizes(clip: Clip) -> tuple[object, ...]:
    """Returns what copies have in common; of files that cannot be read, the clip's own name."""
    try:
        return tuple(path.stat().st_size for path in _files(clip))
    except OSError:
        return (clip.id,)


def _digest(clip: Clip) -> str:
    digest = hashlib.sha256()
    try:
        for path in _files(clip):
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:  # told when it is read
        return clip.id
    return digest.hexdigest()
