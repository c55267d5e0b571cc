"""What a frame cache will hold: the index of a new one, or of one whose build was interrupted."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from dfer_jax.data.clip_index import ClipIndex
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
    sha256,
    write_header,
)
from dfer_jax.data.source import clip_index, open_split

PART_BYTES = 256 << 20  # of pixels in one file: what a kill can cost each process


def continue_cache(place: Place, mark: str) -> Header | None:
    """Returns the index of an interrupted build of the same cache, with the parts that are there.

    None if there is no such build. Deletes what a killed process was writing.
    """
    folder = building(place.folder)
    try:
        header = read_header(folder)
        checksum = sha256(folder / CLIPS_FILE)
    except (OSError, ValueError):
        return None
    found = (header.format, header.pixels, header.size, header.fingerprint, header.clips_sha256)
    if found != (FORMAT, PIXELS, place.size, mark, checksum):
        return None
    for left in folder.glob(f"*{NEW}*"):
        left.unlink(missing_ok=True)
    parts = [
        facts
        if _is_there(folder / header.file_of(part), facts)
        else Part(facts.clips, facts.frames)
        for part, facts in enumerate(header.parts)
    ]
    return dataclasses.replace(header, parts=parts)


def _is_there(path: Path, facts: Part) -> bool:
    return bool(facts.sha256) and path.exists() and path.stat().st_size == facts.bytes


def start_cache(place: Place, mark: str) -> Header:
    """Lists the clips of all splits, divides them into parts, writes the index of a new cache.

    Args:
        place: dataset, size and folder.
        mark: fingerprint of the built dataset.

    Raises:
        UserError: if the dataset cannot be read, or a clip has no label.
    """
    folder = building(place.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clips, splits = _list_clips(place)
    part_of, first_frames = _divide(clips.num_frames, place.size**2 * 3)
    num_clips = np.bincount(part_of)
    num_frames = np.add.reduceat(clips.num_frames, np.cumsum(num_clips) - num_clips)
    parts = [Part(*counts) for counts in zip(num_clips.tolist(), num_frames.tolist(), strict=True)]
    np.savez(folder / CLIPS_FILE, **clips.columns(), parts=part_of, first_frames=first_frames)
    checksum = sha256(folder / CLIPS_FILE)
    header = Header(
        f"{place.dataset}/{place.built.name}", mark, place.size, splits, checksum, parts
    )
    write_header(folder, header)
    return header


def _list_clips(place: Place) -> tuple[ClipIndex, dict[str, int]]:
    """Returns what is known of the clips of all splits, sorted by name, and how many each has."""
    names = sorted(tfds.builder_from_directory(place.built).info.splits)
    bar = tqdm(names, desc="listing clips", unit="split", leave=False)
    where = {"dataset": place.dataset, "data_dir": place.data_dir}
    indices = {name: clip_index(open_split(split=name, **where)) for name in bar}
    columns = [index.columns() for index in indices.values()]
    joined = {name: np.concatenate([column[name] for column in columns]) for name in columns[0]}
    return ClipIndex(**joined), {name: len(index) for name, index in indices.items()}


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
