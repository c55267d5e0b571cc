"""Reads every clip of a download in parallel: damage, sizes, lengths, and hashes of frames."""

import collections
import concurrent.futures
import dataclasses
import functools
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import UInt64
from tqdm import tqdm

from dfer_jax import signals
from dfer_jax.data.check import frames as check_frames
from dfer_jax.data.check import near_duplicates
from dfer_jax.errors import UserError
from dfer_jax.video.container import VideoError, count_packets, promised_frames
from dfer_jax.video.decode import read_frames
from tfds_builders.frames import Clip, read_clip
from tfds_builders.images import DamagedImageError

_FEW_FRAMES = 5_000  # are read before other processes have started
_CLIPS_AT_A_TIME = 8

_Result = TypeVar("_Result")


@dataclasses.dataclass
class ClipScan:
    """What reading one clip brought to light.

    Attributes:
        damaged: its files that the builders refuse, with the reason.
        num_frames: whole frames; 0 for a video of which only the start was read.
        announced_frames: how many a video announces; 0 if it does not.
        num_bytes: sizes of its files.
        sizes: (height, width) of its frames, in pixels.
        num_grey: frames without colour.
        num_black: frames in which nothing can be seen, of those that were decoded.
        changes: frames that the builders store as PNG, by what they do to them.
        samples: hashes of five frames; None if there are none.
        hashes: hashes of all frames, of a video only, so that it is not decoded twice.
    """

    damaged: list[str] = dataclasses.field(default_factory=list)
    num_frames: int = 0
    announced_frames: int = 0
    num_bytes: list[int] = dataclasses.field(default_factory=list)
    sizes: set[tuple[int, int]] = dataclasses.field(default_factory=set)
    num_grey: int = 0
    num_black: int = 0
    changes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    samples: UInt64[np.ndarray, "5 4"] | None = None
    hashes: UInt64[np.ndarray, "t 4"] | None = None

    @property
    def length(self) -> int:
        """Number of frames, as far as it is known."""
        return self.num_frames or self.announced_frames


def scan_clips(clips: Sequence[Clip], *, thorough: bool, processes: int) -> list[ClipScan]:
    """Checks all clips, with a progress bar; see `scan_clip`."""
    scan = functools.partial(scan_clip, thorough=thorough)
    return list(_in_parallel(scan, clips, processes=processes, what="checking frames"))


def hash_clips(clips: Sequence[Clip], *, processes: int) -> list[UInt64[np.ndarray, "t 4"]]:
    """Hashes all frames of folders of frames, with a progress bar."""
    return list(_in_parallel(hash_clip, clips, processes=processes, what="comparing clips"))


def scan_clip(clip: Clip, *, thorough: bool) -> ClipScan:
    """Checks one clip.

    Args:
        clip: a folder of frames or a video.
        thorough: every frame is decoded; else only the ends of each file are read and five frames
            decoded, of a video only the first.
    """
    if clip.video:
        return _decode_video(clip) if thorough else _open_video(clip)
    check = check_frames.check_thoroughly if thorough else check_frames.check_quickly
    found, whole = ClipScan(), []
    for name in clip.frames:
        try:
            facts = check(clip.path / name)
        except DamagedImageError as error:
            found.damaged.append(f"{clip.id}/{name}: {error}")
            continue
        whole.append(name)
        found.num_bytes.append(facts.num_bytes)
        found.sizes.add((facts.height, facts.width))
        found.num_grey += facts.grey
        found.num_black += facts.black
        found.changes.update([facts.change] * bool(facts.change))
    found.num_frames = len(whole)
    if whole:
        found.samples = _hash_samples(clip, whole, found.damaged)
    return found


def _hash_samples(clip: Clip, names: Sequence[str], damaged: list[str]) -> np.ndarray:
    """Hashes five frames; one that turns out to be damaged is told, and has no hash."""
    indices = near_duplicates.sample_frames(len(names))
    samples = np.zeros((len(indices), near_duplicates.WORDS), np.uint64)
    hashed: dict[str, np.ndarray] = {}
    for place, index in enumerate(indices):
        name = names[index]
        try:
            samples[place] = hashed.setdefault(name, check_frames.hash_file(clip.path / name))
        except DamagedImageError as error:
            if (told := f"{clip.id}/{name}: {error}") not in damaged:
                damaged.append(told)
    return samples


def hash_clip(clip: Clip) -> UInt64[np.ndarray, "t 4"]:
    """Returns the hashes of the whole frames of a folder of frames."""
    hashes = []
    for name in clip.frames:
        try:
            hashes.append(check_frames.hash_file(clip.path / name))
        except DamagedImageError:
            continue  # told by the scan, or by --thorough
    return np.array(hashes, np.uint64).reshape(-1, near_duplicates.WORDS)


def _decode_video(clip: Clip) -> ClipScan:
    """Decodes a video as the builders do, and hashes its frames."""
    read = read_clip(clip)
    found = ClipScan(damaged=read.problems, num_frames=len(read.frames), sizes=read.sizes)
    if read.problems:
        return found
    found.num_bytes = [clip.path.stat().st_size]
    found.announced_frames = read.announced_frames
    found.hashes = np.array([check_frames.hash_image(frame) for frame in read.frames])
    found.samples = found.hashes[near_duplicates.sample_frames(len(read.frames))]
    return found


def _open_video(clip: Clip) -> ClipScan:
    """Reads a video to its end and decodes its first frame; all, as the builders do, if odd."""
    found = ClipScan()
    try:
        if count_packets(clip.path) > clip.video.max_frames:
            return _decode_video(clip)
        picture = next(read_frames(clip.path, shorter_side=clip.video.shorter_side)).picture
        found.num_bytes.append(clip.path.stat().st_size)
        found.sizes.add(picture.shape[:2])
        found.announced_frames = promised_frames(clip.path)
    except VideoError:
        return _decode_video(clip)
    return found


def _in_parallel(
    function: Callable[[Clip], _Result], clips: Sequence[Clip], *, processes: int, what: str
) -> Iterator[_Result]:
    """Yields the results of clips in their order; processes, because decoding holds Python's lock.

    Raises:
        UserError: if a process was killed.
    """
    total = sum(clip.expected_frames for clip in clips)
    with tqdm(total=total, desc=what, unit=" frames", unit_scale=True, leave=False) as bar:
        if processes == 1 or total <= _FEW_FRAMES:
            yield from _told(map(function, clips), clips, bar)
            return
        pool = concurrent.futures.ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), initializer=_start_process
        )
        try:
            with signals.starting_processes():
                results = pool.map(function, clips, chunksize=_CLIPS_AT_A_TIME)
            yield from _told(results, clips, bar)
        except BrokenProcessPool as error:
            raise UserError(
                "a process that read clips was killed, probably because memory ran out; try again "
                "with --num_processes=1"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _told(results: Iterable[_Result], clips: Sequence[Clip], bar: tqdm) -> Iterator[_Result]:
    for result, clip in zip(results, clips, strict=True):
        bar.update(clip.expected_frames)
        yield result


def _start_process() -> None:
    """Keeps a reading process to one core, and leaves Ctrl-C to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
