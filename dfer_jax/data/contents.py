"""What a built data set holds, told by its contents: what was made of it is kept, or made anew.

Files of two builds differ although nothing has changed, and one changed label leaves their sizes as
they were. So every record is read once, and what was found is kept beside the data set for as long
as its files are untouched:

    <dataset>/<version>/contents.npz    checksums of frames and labels, what is known of every clip
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import threading
import uuid
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from dfer_jax.data.clip_index import ClipIndex
from dfer_jax.data.records import Records
from dfer_jax.data.source import ClipSource, as_str, index_of_rows
from dfer_jax.errors import UserError
from dfer_jax.runtime import private_folder
from dfer_jax.runtime.file_facts import state_of
from dfer_jax.runtime.numpy_files import read_npz

CONTENTS_FILE = "contents.npz"
_FORMAT = 3  # votes are among what is known of the clips
_DESCRIPTIONS = ("dataset_info.json", "features.json")


@dataclasses.dataclass(frozen=True)
class Contents:
    """What the splits of a built data set hold, sorted by name, in the order of their records.

    Attributes:
        frames: checksum of the clips' ids and of every frame as it is stored.
        labels: checksum of all else that the data set says of its clips.
        clips: what is known of them; None if they have no label as a whole.
    """

    frames: str
    labels: str
    clips: ClipIndex | None


def contents_of(
    builder: tfds.core.DatasetBuilder, *, stop: threading.Event | None = None
) -> Contents:
    """Returns what a data set holds; reads all of it if its files changed since the last time.

    Args:
        builder: of a built data set.
        stop: of a reader in the background, which shows no progress: ends it once it is set.

    Raises:
        UserError: if a file is gone or damaged, or a clip of a data set with a label for each has
            none.
        InterruptedError: if it was stopped.
    """
    if (found := kept_contents(builder)) is not None:
        return found
    state, contents = _state_of(builder), _read_records(builder, stop)
    for path in _places(builder):
        with contextlib.suppress(OSError):  # read-only, or full: the next place
            _write(path, state, contents)
            break
    return contents


def kept_contents(builder: tfds.core.DatasetBuilder) -> Contents | None:
    """Returns what a data set holds if that was read since its files changed; else None.

    Raises:
        UserError: if a file is gone.
    """
    state = _state_of(builder)
    found = (_read(path, state) for path in _places(builder))
    return next((contents for contents in found if contents is not None), None)


def _state_of(builder: tfds.core.DatasetBuilder) -> str:
    """Returns what tells that no file of a data set was written, replaced or copied since."""
    folder = Path(builder.data_path)
    shards = [split.filepaths for _, split in sorted(builder.info.splits.items())]
    paths = [Path(path) for paths in shards for path in paths]
    state = []
    for path in [*paths, *(folder / name for name in _DESCRIPTIONS)]:
        try:
            state.append([path.name, *state_of(path)])
        except FileNotFoundError as error:
            raise UserError(
                f"{path} is gone; bring the file back, or build the dataset again"
            ) from error
    return json.dumps([_FORMAT, builder.info.full_name, state])


def _places(builder: tfds.core.DatasetBuilder) -> list[Path]:
    """Returns where contents are kept: beside the data set, or where that cannot be written."""
    folder = Path(builder.data_path)
    places = [folder / CONTENTS_FILE]
    with contextlib.suppress(OSError, RuntimeError):  # no home, or not private
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
        places.append(private_folder.of_this_machine("contents") / f"{name}.npz")
    return places


def _read(path: Path, state: str) -> Contents | None:
    """Returns the contents that were kept of files in this state; None if there are none."""
    try:
        columns = read_npz(path)
        if str(columns.pop("state")) != state:
            return None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    frames, labels = str(columns.pop("frames_sha256")), str(columns.pop("labels_sha256"))
    return Contents(frames, labels, ClipIndex(**columns) if columns else None)


def _write(path: Path, state: str, contents: Contents) -> None:
    """Writes in one move, whoever else does so at the same time."""
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    checksums = {"frames_sha256": contents.frames, "labels_sha256": contents.labels}
    columns = contents.clips.columns() if contents.clips is not None else {}
    try:
        with open(new, "wb") as file:
            np.savez(file, state=state, **checksums, **columns)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def _read_records(builder: tfds.core.DatasetBuilder, stop: threading.Event | None) -> Contents:
    features, splits = builder.info.features, builder.info.splits
    counts = {name: splits[name].num_examples for name in sorted(splits)}
    frames = hashlib.sha256(json.dumps(counts).encode())
    labels = hashlib.sha256(json.dumps(_class_names(features)).encode())
    indices = []
    total = sum(counts.values())
    shown = {"desc": "reading clips", "unit": " clips", "leave": False, "delay": 2}
    with tqdm(total=total, disable=stop is not None, **shown) as bar:
        for split in counts:
            rows, records = [], Records(builder, split)
            for position in range(len(records)):
                if stop is not None and stop.is_set():
                    raise InterruptedError
                example = dict(records[position])
                _add_frames(frames, as_str(example["clip_id"]), example.pop("frames"))
                _add_labels(labels, example)
                rows.append(example)
                if stop is None:
                    bar.update()
            if "label" in features:
                indices.append(index_of_rows(ClipSource(str(builder.data_path), split), rows))
    return Contents(frames.hexdigest(), labels.hexdigest(), _joined(indices))


def _class_names(features: Any) -> dict[str, list[str]]:
    """Returns the meaning of the numbers that stand for classes."""
    kinds = {name: getattr(features[name], "feature", features[name]) for name in sorted(features)}
    label = tfds.features.ClassLabel
    return {name: kind.names for name, kind in kinds.items() if isinstance(kind, label)}


def _add_frames(digest: Any, clip_id: str, frames: Any) -> None:
    digest.update(json.dumps([clip_id, len(frames)]).encode())
    for frame in frames:
        digest.update(len(frame).to_bytes(8, "little"))
        digest.update(frame)


def _add_labels(digest: Any, example: dict[str, Any]) -> None:
    for name, value in sorted(example.items()):
        array = np.asarray(value)
        plain = array.dtype.kind in "biuf"
        content = array.tobytes() if plain else repr(array.tolist()).encode()
        digest.update(f"{name} {array.dtype.kind} {array.shape} {len(content)} ".encode())
        digest.update(content)


def _joined(indices: list[ClipIndex]) -> ClipIndex | None:
    columns = [index.columns() for index in indices]
    if not columns:
        return None
    return ClipIndex(
        **{name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
    )
