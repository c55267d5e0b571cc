"""What a frame cache will hold: the index of a new one, or of one whose build was interrupted."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np

from dfer_jax.data.contents import Contents
from dfer_jax.data.decode import PIXELS
from dfer_jax.data.frame_cache.store import (
    CLIPS_FILE,
    FORMAT,
    NEW,
    Header,
    Part,
    Place,
    building,
    read_header,
    write_header,
)
from dfer_jax.data.records import open_built
from dfer_jax.errors import UserError
from dfer_jax.runtime.file_facts import sha256

PART_BYTES = 256 << 20  # of pixels in one file: what a kill can cost each process


def continue_cache(place: Place, contents: Contents) -> Header | None:
    """Returns the index of an interrupted build of the same cache, with the parts that are there.

    None if there is no such build. Deletes what a killed process was writing.
    """
    folder = building(place.folder)
    try:
        header = read_header(folder)
        checksum = sha256(folder / CLIPS_FILE)
    except (OSError, ValueError):
        return None
    found = (header.format, header.pixels, header.size, header.frames, header.clips_sha256)
    if found != (FORMAT, PIXELS, place.size, contents.frames, checksum):
        return None
    for left in folder.glob(f"*{NEW}*"):
        left.unlink(missing_ok=True)
    parts = [
        facts
        if _is_there(folder / header.file_of(part), facts)
        else Part(facts.clips, facts.frames)
        for part, facts in enumerate(header.parts)
    ]
    return dataclasses.replace(header, labels=contents.labels, parts=parts)


def _is_there(path: Path, facts: Part) -> bool:
    return bool(facts.sha256) and path.exists() and path.stat().st_size == facts.bytes


def start_cache(place: Place, contents: Contents) -> Header:
    """Divides the clips of all splits into parts and writes the index of a new cache.

    Args:
        place: dataset, size and folder.
        contents: of the built dataset.

    Raises:
        UserError: if its clips have no label as a whole.
    """
    clips = contents.clips
    if clips is None:
        raise UserError(
            f"{place.dataset} is labelled frame by frame, which needs no frame cache; train "
            "without one"
        )
    folder = building(place.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    part_of, first_frames = _divide(clips.num_frames, place.size**2 * 3)
    num_clips = np.bincount(part_of)
    num_frames = np.add.reduceat(clips.num_frames, np.cumsum(num_clips) - num_clips)
    parts = [Part(*counts) for counts in zip(num_clips.tolist(), num_frames.tolist(), strict=True)]
    where = {"parts": part_of, "first_frames": first_frames}
    np.savez(folder / CLIPS_FILE, clip_ids=clips.clip_ids, num_frames=clips.num_frames, **where)
    name, splits = f"{place.dataset}/{place.built.name}", _sizes(place)
    checksum = sha256(folder / CLIPS_FILE)
    header = Header(name, contents.frames, contents.labels, place.size, splits, checksum, parts)
    write_header(folder, header)
    return header


def _sizes(place: Place) -> dict[str, int]:
    """Returns how many clips each split has, sorted by name."""
    splits = open_built(place.built).info.splits
    return {name: splits[name].num_examples for name in sorted(splits)}


def _divide(num_frames: np.ndarray, frame_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the part of each clip, and where in it the clip's first frame is."""
    parts, first_frames = [], []
    part = frames = 0
    for count in num_frames.tolist():
        if frames and (frames + count) * frame_bytes > PART_BYTES:
            part, frames = part + 1, 0
        parts.append(part)
        first_frames.append(frames)
        frames += count
    return np.array(parts, np.int32), np.array(first_frames, np.int64)
