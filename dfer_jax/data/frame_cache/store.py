"""The frame cache on disk: every frame of a built dataset, decoded once.

    <dataset>/<version>/frame_cache_<size>/
        index.json                  format, dataset, size, parts and their checksums
        clips.npz                   a row per clip of all splits: id, frames, where they lie
        frames-00000-of-00165.npy   uint8 [frames, size, size, 3] RGB, whole clips

Any number of processes may read it at once; the system keeps what was read in memory for all.
"""

import dataclasses
import functools
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from tqdm import tqdm

from dfer_jax.data.decode import PIXELS
from dfer_jax.data.source import newest_version
from dfer_jax.errors import UserError
from dfer_jax.runtime.durable_files import write_json
from dfer_jax.runtime.file_facts import sha256
from dfer_jax.runtime.json_text import parse_object
from dfer_jax.runtime.numpy_files import read_npz
from dfer_jax.runtime.row_files import RowFile

FORMAT = 2
CLIPS_FILE = "clips.npz"
NEW = ".new-"
"""Follows the name of a part file that is still being written, before the writer's process id."""

_INDEX_FILE = "index.json"
_MOST_OPEN = 256  # files of a process; the system lets it have 1,024


@dataclasses.dataclass(frozen=True)
class Place:
    """Which frame cache: of what dataset, at what size, in which folder.

    Attributes:
        dataset: name and configuration, as "dfew/full".
        data_dir: folder the datasets were built into.
        size: side of the frames in pixels.
        cache_dir: folder that holds frame caches of any dataset; "" for beside the dataset.
    """

    dataset: str
    data_dir: str
    size: int
    cache_dir: str = ""

    @functools.cached_property
    def built(self) -> Path:
        """Folder of the built dataset; UserError if there is none."""
        return newest_version(self.dataset, self.data_dir)

    @property
    def folder(self) -> Path:
        """Folder of the frame cache, whether it exists or not."""
        beside = self.built
        if self.cache_dir:
            beside = Path(self.cache_dir).expanduser() / self.dataset / self.built.name
        return beside / f"frame_cache_{self.size}"

    @property
    def command(self) -> str:
        """The command that builds it."""
        elsewhere = f" --cache_dir {shlex.quote(self.cache_dir)}" if self.cache_dir else ""
        folder = shlex.quote(self.data_dir)
        return f"dfer cache {self.dataset} --data_dir {folder} --size {self.size}{elsewhere}"


@dataclasses.dataclass(frozen=True)
class Part:
    """One file of frames: how many of clips and frames, and once it is there, bytes and sha256."""

    clips: int
    frames: int
    bytes: int = 0
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class Header:
    """What `index.json` holds.

    Attributes:
        dataset: name, configuration and version.
        frames: checksum of the frames of the built dataset, see `contents.Contents`.
        labels: checksum of its labels when the cache was made; the cache holds none.
        size: side of the frames in pixels.
        splits: number of clips of each split; sorted by name, they are the rows of `clips.npz`.
        clips_sha256: checksum of `clips.npz`.
        parts: the files of frames, in the order of the rows.
        pixels: rules of decoding and resizing, `decode.PIXELS`.
        format: version of this layout.
    """

    dataset: str
    frames: str
    labels: str
    size: int
    splits: dict[str, int]
    clips_sha256: str
    parts: list[Part]
    pixels: str = PIXELS
    format: int = FORMAT

    def file_of(self, part: int) -> str:
        """Returns the name of the file with this part."""
        return f"frames-{part:05d}-of-{len(self.parts):05d}.npy"

    def bytes_of(self, part: int) -> int:
        """Returns the bytes of the pixels in this part."""
        return self.parts[part].frames * self.size * self.size * 3


def write_header(folder: Path, header: Header) -> None:
    """Writes `index.json` in one move."""
    write_json(str(folder / _INDEX_FILE), dataclasses.asdict(header))


def read_header(folder: Path) -> Header:
    """Reads `index.json`.

    Raises:
        OSError, ValueError: if it is missing or not what `write_header` writes.
    """
    with open(folder / _INDEX_FILE, encoding="utf-8") as file:
        fields = parse_object(file.read())
    try:
        return Header(**{**fields, "parts": [Part(**part) for part in fields["parts"]]})
    except (TypeError, KeyError) as error:
        raise ValueError(f"unknown contents: {error}") from error


def why_unusable(place: Place, frames: str) -> str | None:
    """Returns why the cache cannot be used with a dataset of these frames, None if it can.

    Sizes of all files are checked, checksums of the frames are not: see `damaged_parts`.
    """
    folder = place.folder
    if not folder.is_dir():
        return _why_absent(folder)
    try:
        header = read_header(folder)
    except (OSError, ValueError) as error:
        return f"the frame cache {folder} has no readable {_INDEX_FILE} ({error})"
    for what, found, expected in (
        ("format", header.format, FORMAT),
        ("decoding", header.pixels, PIXELS),
        ("frame size", header.size, place.size),
        ("dataset", header.dataset, f"{place.dataset}/{place.built.name}"),
    ):
        if found != expected:
            return f"the frame cache {folder} is of another {what} ({found}, not {expected})"
    if header.frames != frames:
        return f"the frame cache {folder} holds other clips or frames than {header.dataset} has now"
    for part, facts in enumerate(header.parts):
        path = folder / header.file_of(part)
        if not facts.sha256 or not path.exists() or path.stat().st_size != facts.bytes:
            return f"the frame cache {folder} is not whole: {path.name} is missing or cut short"
    clips = folder / CLIPS_FILE
    if not clips.exists() or sha256(clips) != header.clips_sha256:
        return f"the frame cache {folder} is damaged: {CLIPS_FILE} is not as it was written"
    return None


def _why_absent(folder: Path) -> str:
    others = sorted(path.name for path in folder.parent.glob("frame_cache_*") if path.is_dir())
    unfinished = building(folder).name
    if unfinished in others:
        return f"the frame cache {folder} is not finished"
    beside = [name for name in others if name.rpartition("_")[2].isdecimal()]
    there = f" (there is {', '.join(beside)})" if beside else ""
    return f"there is no frame cache {folder}{there}"


def building(folder: Path) -> Path:
    """Returns the folder in which a frame cache grows until it is whole."""
    return folder.with_name(f"{folder.name}.building")


def damaged_parts(folder: Path, header: Header, *, num_threads: int) -> list[str]:
    """Reads all frames and returns the names of files that are not as they were written."""
    names = [header.file_of(part) for part in range(len(header.parts))]
    total = sum(part.bytes for part in header.parts)
    damaged = []
    with (
        ThreadPoolExecutor(num_threads) as threads,
        tqdm(total=total, desc="verify", unit="B", unit_scale=True) as bar,
    ):
        found = threads.map(lambda name: sha256(folder / name), names)
        for name, digest, part in zip(names, found, header.parts, strict=True):
            bar.update(part.bytes)
            if digest != part.sha256:
                damaged.append(name)
    return damaged


@dataclasses.dataclass(frozen=True)
class StoredFrames:
    """The frames of one clip, which are read when they are wanted.

    Attributes:
        file: that has them.
        first: place of the first one in it.
        count: how many there are.
    """

    file: RowFile
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def read(
        self,
        indices: Int[np.ndarray, " n"] | None = None,
        out: UInt8[np.ndarray, "n s s 3"] | None = None,
    ) -> UInt8[np.ndarray, "n s s 3"]:
        """Returns frames by their places in the clip, RGB; all of them if no places are given.

        Raises:
            UserError: if the file has been cut short.
            OSError: if it cannot be read.
        """
        places = np.arange(self.count) if indices is None else indices
        return self.file.read(self.first + places, out)


class FrameStore:
    """The frames of a frame cache, opened for reading.

    Attributes:
        clip_ids: str `[clips]`, of all splits.
        num_frames: int32 `[clips]`.
    """

    def __init__(self, folder: Path) -> None:
        """Reads the index; files of frames are opened at their first use."""
        self._folder, self._header = folder, read_header(folder)
        columns: dict[str, Any] = read_npz(folder / CLIPS_FILE)
        self._parts, self._first_frames = columns["parts"], columns["first_frames"]
        self.clip_ids, self.num_frames = columns["clip_ids"], columns["num_frames"]
        self._open = functools.lru_cache(_MOST_OPEN)(self._open_part)

    def frames(self, row: int) -> StoredFrames:
        """Returns the frames of the clip in this row, none of them read yet.

        Raises:
            UserError: if their file is gone or damaged.
        """
        first, count = int(self._first_frames[row]), int(self.num_frames[row])
        return StoredFrames(self._open(int(self._parts[row])), first, count)

    def _open_part(self, part: int) -> RowFile:
        path = self._folder / self._header.file_of(part)
        remedy = "delete the frame cache and build it again"
        try:
            return RowFile(path, remedy=remedy)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is gone or damaged ({error}); {remedy}") from error
