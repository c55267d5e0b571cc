"""Random access to the clips of a built TFDS dataset, frames still encoded, without TensorFlow.

Also what is known of all its clips at a glance, and the validation part carved out of them.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Int64

from dfer_jax.errors import UserError
from dfer_jax.labels import canonical_indices


class _StillEncoded(tfds.decode.Decoder):
    """Hands an image, or a sequence of images, on as the encoded bytes it is stored in.

    `tfds.decode.SkipDecoding` fails on sequences outside TensorFlow, hence this class.
    """

    def decode_example(self, serialized_example):
        return serialized_example

    def decode_batch_example_np(self, serialized_example):
        return serialized_example


@dataclasses.dataclass(frozen=True)
class ClipSource:
    """The clips of one split, or a subset of them, by position.

    Holds names only and opens files at the first access, so that it travels to worker processes.

    Attributes:
        directory: of the built dataset, down to its version.
        split: TFDS split expression, such as "train" or "fd2+fd3".
        indices: positions in the split, of the clips of this source; None for all of them.
    """

    directory: str
    split: str
    indices: tuple[int, ...] | None = dataclasses.field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self._records) if self.indices is None else len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns one example.

        `frames` is a list of encoded images, `label` an index into `labels.CLASSES`, `clip_id` a
        str, `num_frames` the number of `frames`; other features come as NumPy values.

        Raises:
            UserError: if the clip has no frame or no label.
        """
        example = dict(self._records[self._position(index)])
        example["frames"] = list(example["frames"])
        example["num_frames"] = len(example["frames"])
        example["clip_id"] = _as_str(example["clip_id"])
        example["label"] = self._canonical_label(example)
        if not example["frames"]:
            raise UserError(f"{self._place(example)} has no frame; build the dataset again")
        return example

    def subset(self, indices: Sequence[int]) -> "ClipSource":
        """Returns a source of the clips at these positions of this one, in the order given."""
        positions = tuple(self._position(int(index)) for index in indices)
        return dataclasses.replace(self, indices=positions)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @functools.cached_property
    def _builder(self) -> tfds.core.DatasetBuilder:
        return tfds.builder_from_directory(self.directory)

    @functools.cached_property
    def _records(self) -> Sequence[dict[str, Any]]:
        return self._builder.as_data_source(self.split, decoders={"frames": _StillEncoded()})

    @functools.cached_property
    def _to_canonical(self) -> list[int]:
        return canonical_indices(self._builder.info.features["label"].names)

    def _position(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of a source of {len(self)} clips")
        return index if self.indices is None else self.indices[index]

    def _canonical_label(self, example: dict[str, Any]) -> int:
        if example["label"] < 0:
            raise UserError(f"{self._place(example)} has no label; use a split with labels")
        return self._to_canonical[int(example["label"])]

    def _place(self, example: dict[str, Any]) -> str:
        return f"clip {_as_str(example['clip_id'])} in {self.directory} ({self.split})"


@dataclasses.dataclass(frozen=True)
class ClipIndex:
    """What is known of every clip of a source without its frames, in the order of the source.

    Attributes:
        clip_ids: str `[clips]`.
        labels: int32 `[clips]`, canonical classes.
        num_frames: int32 `[clips]`.
        identities: int32 `[clips]`, the person shown; None where the dataset does not say.
    """

    clip_ids: np.ndarray
    labels: np.ndarray
    num_frames: np.ndarray
    identities: np.ndarray | None = None


def open_split(*, dataset: str, split: str, data_dir: str) -> ClipSource:
    """Opens a split of a dataset that has been built.

    Args:
        dataset: name and configuration, such as "synthetic_dfer/tiny" or "dfew/full".
        split: TFDS split expression over the dataset's splits: "train", "fd2+fd3", "train[:50%]".
        data_dir: folder the datasets were built into.

    Raises:
        UserError: if the dataset is not built there, is damaged, or has no such split.
    """
    source = ClipSource(directory=str(_newest_version(dataset, Path(data_dir))), split=split)
    try:
        known = list(source._builder.info.splits)
        names = [part.split("[")[0].strip() for part in split.split("+")]
        if unknown := [name for name in names if name not in known]:
            raise UserError(
                f"{dataset} in {data_dir} has no split {unknown[0]!r}; its splits are "
                f"{', '.join(known)}, joined by '+'"
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
    """Reads label, length, id and, where there is one, identity of every clip in one pass.

    Frames are skipped, not decoded. Expects the `num_frames` the builder stored to be true.

    Raises:
        UserError: if a clip has no label.
    """
    features = source._builder.info.features
    names = ["clip_id", "label", "num_frames"] + ["identity"] * ("identity" in features)
    wanted = tfds.features.FeaturesDict({name: features[name] for name in names})
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    records = source._builder.as_data_source(source.split, deserialize_method=raw)
    rows = [
        wanted.deserialize_example_np(records[source._position(index)])
        for index in range(len(source))
    ]
    column = {name: np.array([row[name] for row in rows]) for name in names}
    return ClipIndex(
        clip_ids=np.array([_as_str(row["clip_id"]) for row in rows]),
        labels=np.array([source._canonical_label(row) for row in rows], np.int32),
        num_frames=column["num_frames"].astype(np.int32),
        identities=column["identity"].astype(np.int32) if "identity" in column else None,
    )


def carve_validation(
    index: ClipIndex, *, fraction: float
) -> tuple[Int64[np.ndarray, " train"], Int64[np.ndarray, " val"]]:
    """Divides training clips into a part to train on and a part to validate on.

    Where the dataset names the person shown, the last `fraction` of the persons go to validation,
    so that their faces are unseen. Otherwise the last `fraction` of each class does, in the order
    of the clip ids: ids follow the source films, so one block keeps most of a film on one side.
    There is no chance in it: the same clips give the same division.

    Args:
        index: what `clip_index` returns for the training split.
        fraction: share of the clips of each class (or of the persons) to validate on, in (0, 1).

    Returns:
        positions in the source for training and for validation, each ascending.

    Raises:
        UserError: if the fraction is out of range or leaves one of the two parts empty.
    """
    if not 0 < fraction < 1:
        raise UserError(f"the validation share must be between 0 and 1, got {fraction}")
    held_out = np.zeros(len(index.labels), bool)
    if index.identities is not None:
        persons = np.unique(index.identities)
        held_out = np.isin(index.identities, _last(persons, fraction))
    else:
        order = np.array(sorted(range(len(held_out)), key=lambda i: _in_order(index.clip_ids[i])))
        for label in np.unique(index.labels):
            held_out[_last(order[index.labels[order] == label], fraction)] = True
    if held_out.all() or not held_out.any():
        raise UserError(
            f"a validation share of {fraction} of {len(held_out)} clips leaves nothing to "
            f"{'train' if held_out.all() else 'validate'} on; choose another share"
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _newest_version(dataset: str, data_dir: Path) -> Path:
    """Returns the folder of the highest built version of a dataset."""
    folder = data_dir.expanduser() / dataset
    built = [info.parent for info in folder.glob("*/dataset_info.json")]
    versions = [path for path in built if re.fullmatch(r"\d+\.\d+\.\d+", path.name)]
    if not versions:
        name = dataset.split("/")[0]
        manual = " --manual_dir FOLDER_OF_THE_RELEASE" * (name != "synthetic_dfer")
        raise UserError(
            f"{dataset} is not built in {data_dir}; build it with "
            f"`python -m tfds_builders.build {dataset} --data_dir {data_dir}{manual}`"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")])


def _as_str(text: bytes | str) -> str:
    return text.decode() if isinstance(text, bytes) else str(text)


def _last(items: np.ndarray, fraction: float) -> np.ndarray:
    """Returns the last `fraction` of the items, rounded; at least one stays behind."""
    count = min(round(fraction * len(items)), len(items) - 1)
    return items[len(items) - count :]


def _in_order(clip_id: str) -> list[tuple[int, int, str]]:
    """Sort key in which numbers inside an id count as numbers."""
    parts = re.findall(r"\d+|\D+", clip_id)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
