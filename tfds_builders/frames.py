"""Lists the frames of a clip in order, and reads clips one at a time, checked or decoded."""

import collections
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import simplejpeg

from dfer_jax.video.container import VideoError
from dfer_jax.video.decode import encode_clip
from tfds_builders import images
from tfds_builders.frame_order import order_frames
from tfds_builders.tree import Tree, escapes

_OF_CLIP = re.compile(r"(\d{5})[_-].*\d\.\w+", re.ASCII | re.DOTALL)
_EPOCH = 10**9  # from here on numbers are seconds, or parts of them, since 1970
_READERS = 4  # threads; enough to hide the latency of opening files, few clips held at once


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How a video becomes frames.

    Attributes:
        shorter_side: larger pictures are shrunk to this many pixels; None leaves them.
        max_frames: a video with more is a problem; a clip is held in memory.
        expected_frames: how long it probably is; shards are cut by it.
    """

    shorter_side: int | None
    max_frames: int
    expected_frames: int


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip on disk, a folder of frames or a video.

    Attributes:
        id: its `clip_id`.
        split: the split it goes to.
        label: name of its class; None if `features` say what each frame shows.
        path: the folder of its frames, or the video.
        frames: file names in frame order; none for a video.
        features: what the example holds besides.
        video: how it is decoded, if it is a video.
    """

    id: str
    split: str
    label: str | None
    path: Path
    frames: tuple[str, ...] = ()
    features: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    video: Decoding | None = None

    @property
    def expected_frames(self) -> int:
        """Number of frames, of a video as far as it is known before decoding."""
        return self.video.expected_frames if self.video else len(self.frames)


@dataclasses.dataclass(frozen=True)
class EncodedClip:
    """A clip as read.

    Attributes:
        clip: what was read.
        frames: encoded images.
        sizes: the (height, width) that occur in them, in pixels.
        problems: damage found.
        features: what only reading tells and the example holds too; `fps` of a video.
        announced_frames: how many a video announces; 0 if it does not.
        changes: how many frames are not the file's bytes, by what was done to them.
        num_black: frames of images in which nothing can be seen.
    """

    clip: Clip
    frames: list[bytes]
    sizes: set[tuple[int, int]]
    problems: list[str]
    features: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    announced_frames: int = 0
    changes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    num_black: int = 0

    @property
    def example(self) -> dict[str, Any]:
        """The example as every builder of clips stores it."""
        return {
            "clip_id": self.clip.id,
            "frames": self.frames,
            "num_frames": len(self.frames),
            **({} if self.clip.label is None else {"label": self.clip.label}),
            **self.clip.features,
            **self.features,
        }


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


def list_frames(folder: Path, clip_id: str, *, tree: Tree, listing: Listing) -> tuple[str, ...]:
    """Returns a clip's file names in the order of the frames, see `frame_order`.

    Usually that of the last number in a name (`2.jpg`, `00017_00002.jpg`, `frame (2).png`), so that
    unpadded names are in order too.

    Args:
        folder: the clip's.
        clip_id: a name that begins with five digits and `_` or `-` has to agree with it.
        tree: files that cannot be frames join its `problems`.
        listing: receives the gaps in the numbering, and the files that are no images.
    """
    names, where = [], tree.relative(folder)
    for entry in tree.scan(folder):
        if os.path.splitext(entry.name)[1].lower() not in images.SUFFIXES:
            listing.not_frames.append(f"{where}/{entry.name}")
        elif wrong := _wrong_frame(entry, clip_id, tree.root):
            tree.problems.append(f"{where}/{entry.name}: {wrong}")
        else:
            names.append(entry.name)
    ordered = order_frames(names)
    tree.problems += [f"{where}/{name}: {wrong}" for name, wrong in ordered.wrong.items()]
    if ordered.unclear:
        tree.problems.append(f"{where}: {ordered.unclear}")
    _note_gaps(clip_id, ordered.numbers, listing)
    return tuple(ordered.names)


def _wrong_frame(entry: os.DirEntry[str], clip_id: str, root: Path) -> str:
    """Returns why a file with an image's suffix cannot be a frame of the clip, or nothing."""
    other = _OF_CLIP.match(entry.name)
    if clip_id.isdigit() and other and other[1] != clip_id:
        return f"is a frame of clip {other[1]}"
    if entry.is_symlink() and escapes(entry.path, root):
        return "is a link out of manual_dir"
    return "" if os.path.isfile(entry.path) else "is not a file"


def _note_gaps(clip_id: str, numbers: Sequence[int], listing: Listing) -> None:
    """Notes frame numbers that are skipped; numbering may start at 0 or 1."""
    if not numbers or numbers[0] >= _EPOCH:
        return
    first, last = min(1, numbers[0]), numbers[-1]
    skipped = last - first + 1 - len(numbers)
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
        ahead.append(pool.submit(read_clip, clip))
        if len(ahead) > _READERS:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def reader_pool() -> ThreadPoolExecutor:
    """Returns the pool of threads that `read_clips` works with."""
    return ThreadPoolExecutor(max_workers=_READERS)


def read_clip(clip: Clip) -> EncodedClip:
    """Reads and checks the frames of one clip, or decodes it; damage is told in the result."""
    return _decode(clip, clip.video) if clip.video else _read_frames(clip)


def _read_frames(clip: Clip) -> EncodedClip:
    read, problems = [], []
    for name in clip.frames:
        try:
            read.append(images.read_image(clip.path / name))
        except images.DamagedImageError as error:
            problems.append(f"{clip.id}/{name}: {error}")
    return EncodedClip(
        clip,
        [image.data for image in read],
        {(image.height, image.width) for image in read},
        problems,
        changes=collections.Counter(image.change for image in read if image.change),
        num_black=sum(image.black for image in read),
    )


def _decode(clip: Clip, how: Decoding) -> EncodedClip:
    try:
        video = encode_clip(clip.path, shorter_side=how.shorter_side, max_frames=how.max_frames)
    except VideoError as error:
        return EncodedClip(clip, [], set(), [f"{clip.id} ({clip.path.name}): {error}"])
    sizes = {simplejpeg.decode_jpeg_header(frame)[:2] for frame in video.frames}
    facts = {"fps": video.facts.fps}
    return EncodedClip(clip, video.frames, sizes, [], facts, video.facts.promised_frames)
