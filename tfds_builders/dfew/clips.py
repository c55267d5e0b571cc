"""Lists the frames of every clip in order, and reads them back one clip at a time."""

import collections
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from tfds_builders.dfew import images
from tfds_builders.dfew.lists import Entry
from tfds_builders.dfew.release import FRAMES_16F, Tree, escapes, is_hidden, named_like_16f

_STEM = re.compile(r"(?:(?P<clip>\d{5})[_-]|.*?)(?P<number>\d+)", re.ASCII)
_READERS = 4  # threads; enough to hide the latency of opening files, few clips held at once


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip on disk: file names in frame order."""

    id: str
    entry: Entry
    folder: Path
    frames: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class EncodedClip:
    """A clip's files as read: bytes of each frame, (height, width) pixels in it, damage found."""

    clip: Clip
    frames: list[bytes]
    sizes: set[tuple[int, int]]
    problems: list[str]


@dataclasses.dataclass
class Listing:
    """All clips that can be built, and what was noticed while listing them."""

    clips: list[Clip] = dataclasses.field(default_factory=list)
    absent: list[str] = dataclasses.field(default_factory=list)
    empty: list[str] = dataclasses.field(default_factory=list)
    gaps: list[str] = dataclasses.field(default_factory=list)
    not_frames: list[str] = dataclasses.field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """Ids of the listed clips that have no folder or no frame in it, ascending."""
        return sorted(self.absent + self.empty)


def list_clips(
    tree: Tree, folders: Mapping[int, Path], entries: Mapping[int, Entry], *, form: str
) -> Listing:
    """Lists the frames of every clip of the lists; whatever is wrong joins `tree.problems`.

    Args:
        tree: the walked release.
        folders: the folder of each clip id found.
        entries: fold and label of each clip id in the lists.
        form: `full` or `f16`.
    """
    listing = Listing()
    for clip, entry in tqdm(entries.items(), desc="listing frames", unit=" clips", leave=False):
        clip_id = f"{clip:05d}"
        if clip not in folders:
            listing.absent.append(clip_id)
            continue
        frames = _list_frames(folders[clip], clip_id, tree, listing)
        if not frames:
            listing.empty.append(clip_id)
            continue
        if form == "f16" and len(frames) > FRAMES_16F:
            tree.problems.append(
                f"clip {clip_id} has {len(frames)} frames, the 16-frame form at most {FRAMES_16F}: "
                "is this the full-length form?"
            )
        elif form == "full" and named_like_16f(frames):
            tree.problems.append(
                f"clip {clip_id} holds 1.jpg .. 16.jpg, the 16-frame form: replace its folder by "
                "that of clip_224x224"
            )
        listing.clips.append(Clip(clip_id, entry, folders[clip], frames))
    return listing


def _list_frames(folder: Path, clip_id: str, tree: Tree, listing: Listing) -> tuple[str, ...]:
    """Returns a clip's file names in the order of their frame numbers."""
    numbered: dict[int, str] = {}
    where = tree.relative(folder)
    try:
        with os.scandir(folder) as scan:
            found = sorted((entry for entry in scan if not is_hidden(entry.name)), key=_by_name)
    except OSError as error:
        tree.problems.append(f"{where}: cannot be read ({error.strerror})")
        return ()
    for entry in found:
        stem, suffix = os.path.splitext(entry.name)
        if suffix.lower() not in images.SUFFIXES:
            listing.not_frames.append(f"{where}/{entry.name}")
            continue
        match = _STEM.fullmatch(stem)
        wrong = _wrong_frame(entry, match, clip_id, tree.root)
        if not wrong and int(match["number"]) in numbered:
            wrong = f"has the frame number of {numbered[int(match['number'])]}"
        if wrong:
            tree.problems.append(f"{where}/{entry.name}: {wrong}")
            continue
        numbered[int(match["number"])] = entry.name
    _note_gaps(clip_id, numbered, listing)
    return tuple(numbered[number] for number in sorted(numbered))


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _wrong_frame(
    entry: os.DirEntry[str], match: re.Match[str] | None, clip_id: str, root: Path
) -> str:
    """Returns why a file with an image's suffix cannot be a frame of the clip, or nothing."""
    if match is None:
        return "has no frame number at the end of its name"
    if match["clip"] not in (None, clip_id):
        return f"is a frame of clip {match['clip']}"
    if entry.is_symlink() and escapes(entry.path, root):
        return "is a link out of manual_dir"
    return "" if os.path.isfile(entry.path) else "is not a file"


def _note_gaps(clip_id: str, numbered: Mapping[int, str], listing: Listing) -> None:
    """Notes frame numbers that are skipped; numbering may start at 0 or 1."""
    if not numbered:
        return
    first, last = min(1, *numbered), max(numbered)
    skipped = last - first + 1 - len(numbered)
    if skipped:
        listing.gaps.append(f"{clip_id} ({skipped} numbers up to {last})")


def read_clips(clips: Sequence[Clip], *, pool: ThreadPoolExecutor) -> Iterator[EncodedClip]:
    """Yields the clips in order, each read and checked once, a few read ahead by the pool.

    Args:
        clips: what to read.
        pool: made by `reader_pool`.
    """
    ahead: collections.deque[Future[EncodedClip]] = collections.deque()
    for clip in clips:
        ahead.append(pool.submit(_read_clip, clip))
        if len(ahead) > _READERS:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def reader_pool() -> ThreadPoolExecutor:
    """Returns the pool of threads that `read_clips` works with."""
    return ThreadPoolExecutor(max_workers=_READERS)


def _read_clip(clip: Clip) -> EncodedClip:
    frames, sizes, problems = [], set(), []
    for name in clip.frames:
        try:
            data, size = images.read_image(clip.folder / name)
        except images.DamagedImageError as error:
            problems.append(f"{clip.id}/{name}: {error}")
        else:
            frames.append(data)
            sizes.add(size)
    return EncodedClip(clip, frames, sizes, problems)
