"""The one pass over a release: what is to be built, and what was found wrong on the way."""

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dfer_jax.errors import UserError, list_some
from dfer_jax.labels import CLASSES
from dfer_jax.runtime.durable_files import write_json
from dfer_jax.runtime.json_text import parse_object
from tfds_builders.frames import Clip, EncodedClip, Listing, read_clips, reader_pool
from tfds_builders.tree import Tree

SHORT = 16
"""Frames; clips with fewer are named, because many models want 16."""
_FRAMES_PER_SHARD = 4096  # 50-100 MB; a shard is held in memory while it is written


@dataclasses.dataclass
class Findings:
    """What reading clips brought to light.

    Attributes:
        damaged: images and videos that do not decode completely.
        mixed: ids of the clips whose frames differ in size.
        short: ids of the clips with fewer than `SHORT` frames.
        fewer: videos with fewer frames than they announce.
        black: clips with frames in which nothing can be seen.
        changes: frames that were stored as PNG, by what was done to them.
        sizes: number of clips by "height x width" of their frames, in pixels.
        num_frames: frames read.
    """

    damaged: list[str] = dataclasses.field(default_factory=list)
    mixed: list[str] = dataclasses.field(default_factory=list)
    short: list[str] = dataclasses.field(default_factory=list)
    fewer: list[str] = dataclasses.field(default_factory=list)
    black: list[str] = dataclasses.field(default_factory=list)
    changes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    sizes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    num_frames: int = 0

    def note(self, read: EncodedClip) -> None:
        """Takes in one clip."""
        self.damaged += read.problems
        self.sizes.update(f"{height}x{width}" for height, width in read.sizes)
        self.num_frames += len(read.frames)
        if len(read.sizes) > 1:
            self.mixed.append(read.clip.id)
        self.changes.update(read.changes)
        if read.num_black:
            self.black.append(f"{read.clip.id} ({read.num_black:,} of {len(read.frames):,})")
        if len(read.frames) < SHORT:
            self.short.append(read.clip.id)
        if not read.problems and len(read.frames) < read.announced_frames:
            counts = f"{len(read.frames):,} of {read.announced_frames:,} frames"
            self.fewer.append(f"{read.clip.id} ({counts})")

    def add(self, other: "Findings") -> None:
        """Takes in what was found elsewhere."""
        self.damaged += other.damaged
        self.mixed += other.mixed
        self.short += other.short
        self.fewer += other.fewer
        self.black += other.black
        self.changes.update(other.changes)
        self.sizes.update(other.sizes)
        self.num_frames += other.num_frames

    def write(self, path: Path) -> None:
        """Writes everything as JSON."""
        write_json(path, vars(self))

    @classmethod
    def read(cls, path: Path) -> "Findings":
        """Returns what `write` wrote."""
        fields = parse_object(path.read_text(encoding="utf-8"))
        counted = {name: collections.Counter(fields[name]) for name in ("changes", "sizes")}
        return cls(**(fields | counted))


@dataclasses.dataclass
class SinglePass:
    """State of a build.

    Attributes:
        release: what is built, as the user calls it.
        tree: the user's folder; its `problems` make the build fail.
        listing: the clips to build.
        splits: in the order of the release.
        expected: published clips per class, in the order of `classes`, by split; empty if none are.
        tables: further counts and remarks, printed below the counts of the splits.
        missing: listed clips without frames, unless the user allows that.
        warnings: what is worth a look but stops nothing.
        advice: what to do about problems.
        facts: of the release as found, kept with the data; plain JSON.
        findings: what reading the clips brought to light.
        classes: names of the classes, in the order of the data set.
    """

    release: str
    tree: Tree
    listing: Listing
    splits: tuple[str, ...]
    expected: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    tables: Sequence[str] = ()
    missing: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    advice: str = "extract what is missing or damaged again from the archives"
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    findings: Findings = dataclasses.field(default_factory=Findings)
    classes: tuple[str, ...] = CLASSES

    @property
    def problems(self) -> list[str]:
        """Everything that makes the build fail, in the order it is told."""
        return self.tree.problems + self.missing + self.empty_splits + self.findings.damaged

    @property
    def empty_splits(self) -> list[str]:
        """A sentence for each split without a clip, unless listed clips that miss explain it."""
        there = {clip.split for clip in self.listing.clips}
        empty = [split for split in self.splits if split not in there]
        if self.missing or self.tree.problems or not there:
            return []
        return [
            f"split {split} would be empty: none of its clips is there; extract them, for nothing "
            "can be trained or tested on an empty split"
            for split in empty
        ]

    @property
    def has_labels(self) -> bool:
        """Whether clips have a label each, rather than one for every frame."""
        return all(clip.label is not None for clip in self.listing.clips)

    def shards(self, split: str) -> list[tuple[Clip, ...]]:
        """Cuts a split's clips, in their order, into runs of about `_FRAMES_PER_SHARD` frames."""
        shards: list[list[Clip]] = [[]]
        frames = 0
        for clip in self.listing.clips:
            if clip.split != split:
                continue
            if shards[-1] and frames + clip.expected_frames > _FRAMES_PER_SHARD:
                shards.append([])
                frames = 0
            shards[-1].append(clip)
            frames += clip.expected_frames
        return [tuple(shard) for shard in shards]

    def read(
        self, shard: Sequence[Clip], *, pool: ThreadPoolExecutor, bar: tqdm
    ) -> Iterator[EncodedClip]:
        """Reads and checks a shard's clips; yields them as long as nothing is wrong anywhere."""
        for clip in read_clips(shard, pool=pool):
            bar.update()
            self.findings.note(clip)
            if not self.problems:
                yield clip

    def fail_if_any(self) -> None:
        """Raises one error that counts every kind of problem and lists the first twenty.

        Raises:
            UserError: if there is any problem.
        """
        if not self.problems:
            return
        videos = " or videos" * any(clip.video for clip in self.listing.clips)
        kinds = [
            (len(self.tree.problems), "lists and folders"),
            (len(self.missing), "missing or empty clips"),
            (len(self.empty_splits), "empty splits"),
            (len(self.findings.damaged), f"damaged images{videos}"),
        ]
        counts = ", ".join(f"{kind} {number:,}" for number, kind in kinds if number)
        advice = self.advice
        if self.missing:
            advice += ", or build without the missing clips by --allow_missing"
        raise UserError(
            f"{self.release} was not built, {self.tree.root} has problems ({counts}); {advice}:\n"
            f"{list_some(self.problems)}"
        )


def read_alone(shard: Sequence[Clip], *, findings: Path) -> Iterator[EncodedClip]:
    """Reads one shard in a process of its own and leaves what was found in a file.

    Args:
        shard: the clips to read.
        findings: file written once the last clip has been read.

    Yields:
        the clips as long as none in this shard is damaged.
    """
    found = Findings()
    with reader_pool() as pool:
        for clip in read_clips(shard, pool=pool):
            found.note(clip)
            if not found.damaged:
                yield clip
    found.write(findings)
