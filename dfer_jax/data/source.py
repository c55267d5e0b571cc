"""Random access to the clips of a built TFDS dataset, frames still encoded, without TensorFlow."""

import dataclasses
import functools
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Int64

from dfer_jax.data.clip_index import ClipIndex, Relabelling
from dfer_jax.data.readers import notes
from dfer_jax.data.records import Records, open_built
from dfer_jax.errors import UserError

_INDEXED = ("clip_id", "label", "num_frames", "identity", "group", "peak_intensity", "votes")


@dataclasses.dataclass(frozen=True)
class ClipSource:
    """The clips of one split, or a subset of them, by position.

    Holds names only and opens files at the first access, so that it travels to worker processes.

    Attributes:
        directory: of the built dataset, down to its version.
        split: TFDS split expression, such as "train" or "fd2+fd3".
        indices: positions in the split, of the clips of this source; None for all of them.
        relabelling: from the data set's classes to others; None for its own.
    """

    directory: str
    split: str
    indices: tuple[int, ...] | None = dataclasses.field(default=None, repr=False)
    relabelling: Relabelling | None = dataclasses.field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self._records) if self.indices is None else len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns one example.

        `frames` is a list of encoded images, `label` an index into `classes`, `clip_id` a str,
        `num_frames` the number of `frames`; other features come as NumPy values.

        Raises:
            UserError: if the clip has no frame or no label, or its file is gone or damaged.
        """
        position = self._position(index)
        notes.at(f"record {position} (counted from 0) of {self.split} in {self.directory}")
        example = self._records[position]
        example["num_frames"] = len(example["frames"])
        example["clip_id"] = as_str(example["clip_id"])
        example["label"] = self.label_of(example)
        if not example["frames"]:
            raise UserError(f"{self._place(example)} has no frame; build the dataset again")
        return example

    def subset(self, indices: Sequence[int]) -> "ClipSource":
        """Returns a source of the clips at these positions of this one, in the order given."""
        positions = tuple(self._position(int(index)) for index in indices)
        return dataclasses.replace(self, indices=positions)

    def relabelled(self, relabelling: Relabelling) -> "ClipSource":
        """Returns a source of the same clips with other classes."""
        return dataclasses.replace(self, relabelling=relabelling)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @functools.cached_property
    def builder(self) -> tfds.core.DatasetBuilder:
        """The built dataset, read-only; knows its features and splits."""
        return open_built(self.directory)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order that labels count them."""
        return self.relabelling.classes if self.relabelling else self.classes_of_data

    @functools.cached_property
    def classes_of_data(self) -> tuple[str, ...]:
        """Names of the classes in the data set's own order."""
        return tuple(self.builder.info.features["label"].names)

    def label_of(self, example: dict[str, Any]) -> int:
        """Returns the label of an example of the data set as an index into `classes`.

        Raises:
            UserError: if it has none.
        """
        label = int(example["label"])
        if label < 0:
            raise UserError(f"{self._place(example)} has no label; use a split with labels")
        return label if self.relabelling is None else self.relabelling.places[label]

    @functools.cached_property
    def _records(self) -> Records:
        _keep_freed_memory()
        return Records(self.builder, self.split)

    def _position(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of a source of {len(self)} clips")
        return index if self.indices is None else self.indices[index]

    def _place(self, example: dict[str, Any]) -> str:
        return f"clip {as_str(example['clip_id'])} in {self.directory} ({self.split})"


def _keep_freed_memory() -> None:
    """Makes the C library (glibc) reuse freed memory rather than return it to the kernel.

    It keeps what is no larger than the largest block freed so far, at most 32 MiB. A clip is read
    into a few MB; taken from the kernel anew, page by page, they cost up to a third of its
    decoding.
    """
    np.empty(31 * 2**20, np.uint8)  # freed at once, never touched


def open_split(*, dataset: str, split: str, data_dir: str) -> ClipSource:
    """Opens a split of a dataset that has been built.

    Args:
        dataset: name and configuration, such as "synthetic_dfer/tiny" or "dfew/full".
        split: TFDS split expression over the dataset's splits: "train", "fd2+fd3", "train[:50%]".
        data_dir: folder the datasets were built into.

    Raises:
        UserError: if the dataset is not built there, is damaged, or has no such split, or an
            empty one.
    """
    source = ClipSource(directory=str(newest_version(dataset, data_dir)), split=split)
    try:
        known = list(source.builder.info.splits)
        names = [part.split("[")[0].strip() for part in split.split("+")]
        if unknown := [name for name in names if name not in known]:
            raise UserError(
                f"{dataset} in {data_dir} has no split {unknown[0]!r}; its splits are "
                f"{', '.join(known)}, joined by '+'"
            )
        if not source.builder.info.splits[split].num_examples:
            raise UserError(
                f"the split {split!r} of {source.directory} is empty; name one of "
                f"{', '.join(known)} that is not, or a larger share of it"
            )
        source[len(source) - 1]  # opens every file; of a file cut short the end is missing
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"split {split!r} of {source.directory} cannot be read ({reason}); if the split is "
            "spelled right, delete that folder and build the dataset again"
        ) from error
    return source


def clip_index(source: ClipSource) -> ClipIndex:
    """Reads what `ClipIndex` holds of every clip in one pass, without frames; trusts `num_frames`.

    Raises:
        UserError: if a clip has no label, or its file is gone or damaged.
    """
    records = Records(source.builder, source.split, only=_INDEXED)
    rows = [records[source._position(index)] for index in range(len(source))]
    return index_of_rows(source, rows)


def index_of_rows(source: ClipSource, rows: Sequence[dict[str, Any]]) -> ClipIndex:
    """Returns the index of examples read without frames; UserError if a clip has no label."""
    features = source.builder.info.features

    def column(name: str, dtype: type) -> np.ndarray | None:
        return np.array([row[name] for row in rows], dtype) if name in features else None

    def texts(name: str) -> np.ndarray | None:
        return np.array([as_str(row[name]) for row in rows], str) if name in features else None

    return ClipIndex(
        clip_ids=texts("clip_id"),
        labels=np.array([source.label_of(row) for row in rows], np.int32),
        num_frames=column("num_frames", np.int32),
        identities=column("identity", np.int32),
        groups=texts("group"),
        peak_intensities=column("peak_intensity", np.float32),
        votes=column("votes", np.int32) if source.relabelling is None else None,
    )


def rows_of_split(builder: tfds.core.DatasetBuilder, split: str) -> Int64[np.ndarray, " clips"]:
    """Returns where the clips of a `ClipSource` stand among those of all splits, sorted by name."""
    splits = builder.info.splits
    first, row = {}, 0
    for name in sorted(splits):
        for shard in splits[name].file_instructions:
            first[shard.filename] = row
            row += shard.take
    ranges = [
        first[shard.filename] + shard.skip + np.arange(shard.take, dtype=np.int64)
        for shard in splits[split].file_instructions
    ]
    return np.concatenate([np.zeros(0, np.int64), *ranges])


def known_splits(dataset: str, data_dir: str) -> tuple[str, ...]:
    """Returns the names of the splits of a built dataset; UserError if it is not built there."""
    return tuple(open_built(newest_version(dataset, data_dir)).info.splits)


def newest_version(dataset: str, data_dir: str) -> Path:
    """Returns the folder of the highest built version of a dataset.

    Raises:
        UserError: if none is built in `data_dir`.
    """
    folder = Path(data_dir).expanduser() / dataset
    built = [info.parent for info in folder.glob("*/dataset_info.json")]
    versions = [path for path in built if re.fullmatch(r"\d+\.\d+\.\d+", path.name)]
    if not versions:
        name = dataset.split("/")[0]
        manual = " --manual_dir FOLDER" * (name != "synthetic_dfer")
        raise UserError(
            f"{dataset} is not built in {data_dir}; build it with "
            f"`dfer build {dataset} --data_dir {shlex.quote(data_dir)}{manual}`"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")])


def as_str(text: bytes | str) -> str:
    """Returns a text of an example, which TFDS gives as bytes."""
    return text.decode() if isinstance(text, bytes) else str(text)
