"""The one pass over a release: what is to be built, and what was found wrong on the way."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from dfer_jax.errors import UserError, list_some
from tfds_builders.dfew import lists, release
from tfds_builders.dfew.clips import Clip, EncodedClip, Listing, list_clips, read_clips

_FRAMES_PER_SHARD = 4096  # 50-100 MB; a shard is held in memory while it is written
_IDS_PER_PART = 1600  # the full-length form is released in 11 archives of this many ids
_LIKELY_PART = 100  # listed clips of a part that must all be absent for the part to be called so


@dataclasses.dataclass
class SinglePass:
    """State of a build.

    Attributes:
        tree: the walked release; its `problems` make the build fail.
        listing: the clips to build.
        extra: number of clip folders that no list names.
        missing: listed clips without frames, unless the user allows that.
        warnings: what is worth a look but stops nothing.
        damaged: images that do not decode completely.
        mixed: ids of the clips whose frames differ in size.
        sizes: number of clips by (height, width) of their frames, in pixels.
    """

    tree: release.Tree
    listing: Listing
    extra: int
    missing: list[str]
    warnings: list[str]
    damaged: list[str] = dataclasses.field(default_factory=list)
    mixed: list[str] = dataclasses.field(default_factory=list)
    sizes: collections.Counter[tuple[int, int]] = dataclasses.field(
        default_factory=collections.Counter
    )

    @property
    def problems(self) -> list[str]:
        """Everything that makes the build fail, in the order it is told."""
        return self.tree.problems + self.missing + self.damaged

    def shards(self, fold: int) -> list[list[Clip]]:
        """Cuts a fold's clips, ascending by id, into runs of about `_FRAMES_PER_SHARD` frames."""
        shards: list[list[Clip]] = [[]]
        frames = 0
        for clip in self.listing.clips:
            if clip.entry.fold != fold:
                continue
            if shards[-1] and frames + len(clip.frames) > _FRAMES_PER_SHARD:
                shards.append([])
                frames = 0
            shards[-1].append(clip)
            frames += len(clip.frames)
        return shards

    def read(
        self, shard: Sequence[Clip], *, pool: ThreadPoolExecutor, bar: tqdm
    ) -> Iterator[EncodedClip]:
        """Reads and checks a shard's clips; yields them as long as nothing is wrong anywhere."""
        for clip in read_clips(shard, pool=pool):
            bar.update(len(clip.clip.frames))
            self.damaged += clip.problems
            self.sizes.update(clip.sizes)
            if len(clip.sizes) > 1:
                self.mixed.append(clip.clip.id)
            if not self.problems:
                yield clip

    def fail_if_any(self) -> None:
        """Raises one error that counts every kind of problem and lists the first twenty.

        Raises:
            UserError: if there is any problem.
        """
        if not self.problems:
            return
        kinds = [
            (len(self.tree.problems), "lists and folders"),
            (len(self.missing), "missing or empty clips"),
            (len(self.damaged), "damaged images"),
        ]
        counts = ", ".join(f"{kind} {number:,}" for number, kind in kinds if number)
        advice = "extract what is missing or damaged again from the archives"
        if self.missing:
            advice += ", or build without the missing clips by --allow_missing"
        raise UserError(
            f"DFEW was not built, {self.tree.root} has problems ({counts}); {advice}:\n"
            f"{list_some(self.problems)}"
        )


def prepare(manual_dir: Path, *, form: str, allow_missing: bool) -> SinglePass:
    """Finds the release and reads its lists; no image is opened yet.

    Args:
        manual_dir: the user's folder.
        form: `full` or `f16`.
        allow_missing: listed clips may be absent or empty.

    Raises:
        UserError: if the folder does not hold the release in this form, or only half of it.
    """
    tree = release.walk(manual_dir)
    folders = release.clip_folders(tree, form)
    warnings: list[str] = []
    entries = lists.read_folds(tree, warnings=warnings)
    listing = list_clips(tree, folders, entries, form=form)
    missing = []
    if not allow_missing:
        _refuse_missing_parts(listing, entries, tree)
        missing += [f"clip {clip_id}: no folder" for clip_id in listing.absent]
        missing += [f"clip {clip_id}: no image in its folder" for clip_id in listing.empty]
    extra = len(folders.keys() - entries.keys())
    return SinglePass(tree, listing, extra, missing, warnings)


def _refuse_missing_parts(
    listing: Listing, entries: Mapping[int, lists.Entry], tree: release.Tree
) -> None:
    """Raises at once if whole parts of the release are absent: the extraction is not finished."""

    def by_part(ids: Iterable[int]) -> collections.Counter[int]:
        return collections.Counter((clip - 1) // _IDS_PER_PART + 1 for clip in ids)

    absent = by_part(int(clip_id) for clip_id in listing.absent)
    listed = by_part(entries)
    parts = [part for part, number in absent.items() if number == listed[part] >= _LIKELY_PART]
    if parts:
        ranges = ", ".join(
            f"{(part - 1) * _IDS_PER_PART + 1:05d}-{part * _IDS_PER_PART:05d}" for part in parts
        )
        raise UserError(
            f"{tree.root} is half extracted, {len(listing.absent):,} of {len(entries):,} listed "
            f"clips have no folder (all of {ranges}: part {', '.join(map(str, parts))} of the "
            "release); extract the rest, or build without it by --allow_missing"
            f"{release.why_incomplete(tree)}"
        )
