"""The frames of a built data set, still encoded, in one file, each to be had at once.

A record of the data set holds a whole video, hundreds of MB at worst, and has to be read whole; a
training step wants single frames of a hundred videos. So the first run copies the pictures, byte by
byte, into a file that is read at any place:

    <dataset>/<version>/packed_frames/
        <split>.jpegs      the pictures, one after the other
        <split>.npz        where each begins, and `FrameIndex`
"""

import dataclasses
import functools
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Int64, UInt8
from tqdm import tqdm

from dfer_jax.data.contents import Contents, contents_of
from dfer_jax.data.decode import decode_frames
from dfer_jax.data.readers import notes
from dfer_jax.data.records import Records, open_built
from dfer_jax.data.source import as_str, newest_version
from dfer_jax.errors import UserError, writing
from dfer_jax.frames.index import FrameIndex
from dfer_jax.labels import ACTION_UNITS, EXPRESSIONS
from dfer_jax.runtime import processes
from dfer_jax.runtime.durable_files import replacing
from dfer_jax.runtime.file_lock import taking_turns
from dfer_jax.runtime.numpy_files import read_npz
from dfer_jax.runtime.row_files import OpenFile
from dfer_jax.shortages import in_words

_FORMAT = 2


@dataclasses.dataclass(frozen=True)
class PackedFrames:
    """The frames of one split by row; holds names only until the first access.

    Attributes:
        path: of the `.npz` file.
    """

    path: str

    def __len__(self) -> int:
        return len(self.index)

    @functools.cached_property
    def index(self) -> FrameIndex:
        """What is known of every frame."""
        fields = {field.name for field in dataclasses.fields(FrameIndex)}
        return FrameIndex(**read_npz(self.path, only=fields))

    @functools.cached_property
    def checksum(self) -> str:
        """Of the frames of the data set that was packed, whatever their labels."""
        return str(read_npz(self.path, only=("frames_sha256",))["frames_sha256"])

    def read(
        self, rows: Int64[np.ndarray, " t"], out: UInt8[np.ndarray, "t s s 3"]
    ) -> UInt8[np.ndarray, "t s s 3"]:
        """Decodes frames of one video into `out`, RGB in 0..255; see `decode.decode_frames`.

        Raises:
            UserError: if a picture is damaged, naming the video and the place of the frame in it,
                or the file of pictures was cut short.
        """
        video = int(np.searchsorted(self.index.starts, rows[0], side="right")) - 1
        first, name = int(self.index.starts[video]), str(self.index.clip_ids[video])
        notes.at(f"video {name}")
        frames = {row - first: self._picture(row) for row in dict.fromkeys(rows.tolist())}
        return decode_frames(frames, rows - first, size=out.shape[1], clip=name, out=out)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @functools.cached_property
    def _offsets(self) -> np.ndarray:
        return read_npz(self.path, only=("offsets",))["offsets"]

    @functools.cached_property
    def _pictures(self) -> OpenFile:
        remedy = "delete the folder packed_frames and run the same command again"
        return OpenFile(_pictures_of(Path(self.path)), remedy=remedy)

    def _picture(self, row: int) -> bytes:
        start, stop = self._offsets[row : row + 2].tolist()
        return self._pictures.read(stop - start, at=start)


def open_packed(*, dataset: str, split: str, data_dir: str, cache_dir: str = "") -> PackedFrames:
    """Opens the packed frames of a split, which the first process packs if they are not there.

    Args:
        dataset: name and configuration, such as "aff_wild2/expr".
        split: TFDS split expression.
        data_dir: folder the datasets were built into.
        cache_dir: folder for packed frames; "" for beside the dataset.

    Raises:
        UserError: if the dataset is not built, has no such split or no label for each frame, or
            there is no room for the copy.
    """
    built = newest_version(dataset, data_dir)
    builder = open_built(built)
    folder = Path(cache_dir).expanduser() / dataset / built.name if cache_dir else built
    path = folder / "packed_frames" / f"{_file_name(split)}.npz"
    with processes.together():
        _check(builder, dataset, split)
        if processes.is_first():
            _pack_if_needed(builder, split, path)
    return PackedFrames(str(path))


def _file_name(split: str) -> str:
    return re.sub(r"[^\w%:]+", "+", split).strip("+").replace(":", "-")


def _pictures_of(path: Path) -> Path:
    return path.with_suffix(".jpegs")


def _check(builder: tfds.core.DatasetBuilder, dataset: str, split: str) -> None:
    """Refuses a data set that is not labelled frame by frame, and a split that is not there."""
    features, known = builder.info.features, list(builder.info.splits)
    if "frame_numbers" not in features:
        raise UserError(
            f"{dataset} has no label for each frame; use one that has, such as aff_wild2/expr"
        )
    for name in (part.split("[")[0].strip() for part in split.split("+")):
        if name not in known:
            raise UserError(
                f"{dataset} has no split {name!r}; its splits are {', '.join(known)}, joined by '+'"
            )


def _pack_if_needed(builder: tfds.core.DatasetBuilder, split: str, path: Path) -> None:
    contents = contents_of(builder)
    if _packed_of(path) == (contents.frames, contents.labels):
        return
    with (
        writing(path.parent, "name another folder by --config.data.cache_dir"),
        taking_turns(path.with_suffix(".lock"), what=str(path)),
    ):
        packed = _packed_of(path)  # by another process meanwhile
        if packed == (contents.frames, contents.labels):
            return
        if packed is not None:
            what = "labels" if packed[0] == contents.frames else "clips or frames"
            print(f"{what} of {builder.info.full_name} changed since its frames were packed")
        _pack(builder, split, path, contents)


def _packed_of(path: Path) -> tuple[str, str] | None:
    """Returns checksums of what was packed, frames and labels; None if it is not there in full."""
    try:
        file = read_npz(path, only=("offsets", "format", "frames_sha256", "labels_sha256"))
        whole = _pictures_of(path).stat().st_size == int(file["offsets"][-1])
        known = int(file["format"]) == _FORMAT
        found = (str(file["frames_sha256"]), str(file["labels_sha256"]))
        return found if whole and known else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _pack(builder: tfds.core.DatasetBuilder, split: str, path: Path, contents: Contents) -> None:
    """Writes both files; the `.npz`, which comes last, says that they are whole."""
    records = Records(builder, split)
    needed = sum(builder.info.splits[n].num_bytes for n in set(re.findall(r"[a-z_]\w*", split)))
    print(f"packing the frames of {builder.info.full_name} {split} into {path.parent} (once)")
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise UserError(
            f"{path.parent} has {in_words(free)} free, the frames of {split} take about "
            f"{in_words(needed)}; make room, or name another folder by --config.data.cache_dir"
        )
    with replacing(_pictures_of(path), "wb") as file:
        columns = _columns(_write_pictures(records, file), builder)
    with replacing(path, "wb") as file:
        sums = {"frames_sha256": contents.frames, "labels_sha256": contents.labels}
        np.savez(file, format=_FORMAT, **sums, **columns)


def _write_pictures(records: Any, file: Any) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Yields each example and the sizes of its pictures, once they are written."""
    for position in tqdm(range(len(records)), "pack", unit=" videos"):
        example = records[position]
        pictures = list(example["frames"])
        file.writelines(pictures)
        yield example, [len(picture) for picture in pictures]


def _columns(
    written: Iterator[tuple[dict[str, Any], list[int]]], builder: tfds.core.DatasetBuilder
) -> dict[str, np.ndarray]:
    """Returns the columns of the index and `offsets`, int64 `[n + 1]`."""
    features = builder.info.features
    kinds = [kind for kind in ("expressions", "action_units") if kind in features]
    ids, groups, counts, sizes = [], [], [], []
    frames: dict[str, list[np.ndarray]] = {name: [] for name in ("numbers", "valid", *kinds)}
    for example, lengths in written:
        ids.append(as_str(example["clip_id"]))
        groups.append(as_str(example["group"]))
        counts.append(len(lengths))
        sizes += lengths
        frames["numbers"].append(np.asarray(example["frame_numbers"], np.int32))
        frames["valid"].append(np.asarray(example["valid"], bool))
        if "expressions" in kinds:
            names = features["expressions"].feature.names
            frames["expressions"].append(_canonical(example["expressions"], names))
        if "action_units" in kinds:
            units = np.asarray(example["action_units"], np.int8)
            frames["action_units"].append(units.reshape(len(lengths), len(ACTION_UNITS)))
    return {
        "clip_ids": np.array(ids, str),
        "groups": np.array(groups, str),
        "starts": np.cumsum([0, *counts]),
        "offsets": np.cumsum([0, *sizes]),
        **{name: np.concatenate(parts) for name, parts in frames.items()},
    }


def _canonical(labels: Any, names: list[str]) -> np.ndarray:
    """Places in `EXPRESSIONS` of labels that are places in `names`; -1 stays."""
    places = np.array([EXPRESSIONS.index(name) for name in names] + [-1], np.int8)
    return places[np.asarray(labels, np.int64)]
