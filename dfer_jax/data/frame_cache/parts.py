"""Decodes one dataset into the part files of a frame cache, on several processes."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import io
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dfer_jax import signals
from dfer_jax.data.decode import decode_frames
from dfer_jax.data.frame_cache.store import NEW, FrameStore, Header, Part, read_header
from dfer_jax.data.source import ClipSource
from dfer_jax.errors import UserError


class Outcome(NamedTuple):
    """What became of one part: its file's bytes and checksum, or the frames that are broken."""

    part: int
    done: Part
    broken: list[str]


@dataclasses.dataclass
class _Worker:
    """What a decoding process holds for all the parts it is given."""

    folder: Path
    header: Header
    store: FrameStore
    sources: dict[str, ClipSource]
    stop: Event
    num_decoded: Synchronized


_worker: _Worker


def decode_parts(
    folder: Path, *, directory: str, parts: list[int], num_processes: int
) -> Iterator[Outcome | int]:
    """Decodes parts of a frame cache; yields outcomes, and numbers of frames decoded in between.

    Leaving early stops the processes at their next clip. They stop by themselves when this process
    is killed.

    Args:
        folder: with the index of the cache, where the part files go.
        directory: of the built dataset.
        parts: which ones.
        num_processes: decoding processes.

    Raises:
        UserError: if a process dies or a clip is not as the index says.
    """
    context = multiprocessing.get_context("spawn")
    stop, num_decoded = context.Event(), context.Value("q", 0)
    with (
        concurrent.futures.ProcessPoolExecutor(
            num_processes, context, _start, (str(folder), directory, stop, num_decoded)
        ) as pool,
        _set_at_exit(stop),
    ):
        with signals.starting_processes():
            pending = {pool.submit(_decode_part, part) for part in parts}
        while pending:
            done, pending = concurrent.futures.wait(
                pending, timeout=0.3, return_when=concurrent.futures.FIRST_COMPLETED
            )
            yield num_decoded.value
            for future in done:
                try:
                    yield future.result()
                except concurrent.futures.BrokenExecutor as error:
                    raise UserError(
                        "a decoding process was killed (is memory short?); the same command "
                        "continues, also with fewer --num_processes"
                    ) from error


@contextlib.contextmanager
def _set_at_exit(stop: Event) -> Iterator[None]:
    try:
        yield
    finally:
        stop.set()


def _start(folder: str, directory: str, stop: Event, num_decoded: Synchronized) -> None:
    """Prepares a decoding process; Ctrl-C is left to the process that started it."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    header = read_header(Path(folder))
    sources = {split: ClipSource(directory, split) for split in sorted(header.splits)}
    _worker = _Worker(Path(folder), header, FrameStore(Path(folder)), sources, stop, num_decoded)


def _leave_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _decode_part(part: int) -> Outcome | None:
    """Writes one part file under another name, then gives it its own; None if told to stop."""
    header = _worker.header
    path = _worker.folder / header.file_of(part)
    new = path.with_name(f"{path.name}{NEW}{os.getpid()}")
    facts = header.parts[part]
    broken: list[str] = []
    digest = hashlib.sha256()
    try:
        with open(new, "wb") as file:
            for block in _blocks(part, broken):
                if _worker.stop.is_set():
                    return None
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            num_bytes = file.tell()
        if not broken:
            new.rename(path)
    finally:
        new.unlink(missing_ok=True)
    done = dataclasses.replace(facts, bytes=num_bytes, sha256=digest.hexdigest())
    return Outcome(part, done, broken)


def _blocks(part: int, broken: list[str]) -> Iterator[memoryview]:
    """Yields the contents of a part file: the head of a .npy file, then frame after frame."""
    header, size = _worker.header, _worker.header.size
    shape = (header.parts[part].frames, size, size, 3)
    head = io.BytesIO()
    array = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, array)
    yield head.getbuffer()
    first = sum(facts.clips for facts in header.parts[:part])
    for row in range(first, first + header.parts[part].clips):
        frames, clip_id = _encoded_frames(row)
        for index in range(len(frames)):
            try:
                pixels = decode_frames(frames, np.array([index]), size=size, clip=clip_id)
            except UserError as error:
                broken.append(str(error))
                continue
            yield pixels.data.cast("B")
        with _worker.num_decoded.get_lock():
            _worker.num_decoded.value += len(frames)


def _encoded_frames(row: int) -> tuple[list[bytes], str]:
    """Returns the images and the id of the clip in a row of the index."""
    ends = np.cumsum([_worker.header.splits[split] for split in _worker.sources])
    position = int(np.searchsorted(ends, row, side="right"))
    source = list(_worker.sources.values())[position]
    example, store = source[row - int(ends[position]) + len(source)], _worker.store
    expected = (str(store.clip_ids[row]), int(store.num_frames[row]))
    if (example["clip_id"], example["num_frames"]) != expected:
        raise UserError(
            f"clip {example['clip_id']} of {source.directory} ({source.split}) has "
            f"{example['num_frames']} frames, not the {expected[1]} that the dataset says; build "
            "the dataset again"
        )
    return example["frames"], example["clip_id"]
