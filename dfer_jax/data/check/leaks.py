"""Finds clips that two splits of a download share, whole or cut, with the same label or another."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt64

from dfer_jax.data.check import near_duplicates
from dfer_jax.data.check.scan import ClipScan, hash_clips
from tfds_builders.frames import Clip


@dataclasses.dataclass(frozen=True)
class Leak:
    """Two clips of different splits that show the same frames; `distance` as in `Pair`."""

    first: Clip
    second: Clip
    distance: float

    @property
    def same_label(self) -> bool:
        """Whether the two are listed with one label."""
        return self.first.label == self.second.label

    def __str__(self) -> str:
        about = (", ".join(filter(None, (clip.split, clip.label))) for clip in self.clips)
        one, other = (f"{clip.id} ({text})" for clip, text in zip(self.clips, about, strict=True))
        mark = "" if self.same_label else "  DIFFERENT LABELS"
        return f"{one} = {other}, distance {self.distance:g}{mark}"

    @property
    def clips(self) -> tuple[Clip, Clip]:
        """Both clips."""
        return self.first, self.second


@dataclasses.dataclass(frozen=True)
class Leaks:
    """What comparing the splits gave.

    Attributes:
        pairs: near-duplicates, the closest first, those with different labels before the others.
        compared: clips that took part; those without a whole frame, and videos of which only the
            start was read, do not.
        incomplete: so many clips look alike that only the closest pairs were looked at.
    """

    pairs: list[Leak]
    compared: int
    incomplete: bool


def find_leaks(clips: Sequence[Clip], scans: Sequence[ClipScan], *, processes: int) -> Leaks:
    """Compares all clips with those of other splits.

    Args:
        clips: the download's.
        scans: what reading each of them gave.
        processes: that hash the frames of clips which look alike; as many threads compare.
    """
    used = [index for index, scan in enumerate(scans) if scan.samples is not None]
    if not used:
        return Leaks([], 0, False)
    samples = np.stack([scans[index].samples for index in used])
    candidates, incomplete = near_duplicates.find_candidates(
        samples, [clips[index].split for index in used], threads=processes
    )
    places = np.array(used)[candidates]  # [pairs, 2], positions in `clips`
    hashes = _hashes(np.unique(places).tolist(), clips, scans, processes=processes)
    pairs = [
        Leak(clips[pair.first], clips[pair.second], pair.distance)
        for pair in near_duplicates.confirm(places.tolist(), hashes=hashes.__getitem__)
    ]
    pairs.sort(key=lambda pair: (pair.same_label, pair.distance, pair.first.id, pair.second.id))
    return Leaks(pairs, len(used), incomplete)


def _hashes(
    wanted: Sequence[int], clips: Sequence[Clip], scans: Sequence[ClipScan], *, processes: int
) -> dict[int, UInt64[np.ndarray, "t 4"]]:
    """Returns the hashes of all frames of some clips; videos have been hashed before."""
    folders = [index for index in wanted if scans[index].hashes is None]
    hashes = dict(
        zip(folders, hash_clips([clips[i] for i in folders], processes=processes), strict=True)
    )
    return hashes | {i: scans[i].hashes for i in wanted if scans[i].hashes is not None}
