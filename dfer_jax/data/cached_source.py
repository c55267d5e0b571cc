"""The clips of a split with their frames from the frame cache, decoded already."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from dfer_jax.data.clip_index import ClipIndex, Relabelling
from dfer_jax.data.contents import contents_of
from dfer_jax.data.frame_cache.store import FrameStore, Place, read_header, why_unusable
from dfer_jax.data.readers import notes
from dfer_jax.data.source import ClipSource, clip_index, open_split, rows_of_split
from dfer_jax.errors import UserError
from dfer_jax.labels import SharedClasses


@dataclasses.dataclass(frozen=True)
class CachedSource:
    """As `ClipSource`, with `frames` those of the frame cache, to be read where they are wanted.

    Attributes:
        encoded: the same clips, as they lie in the dataset.
        folder: of the frame cache.
        size: side s of the frames in pixels.
        clips: what the dataset itself says of the clips of all its splits, sorted by name: labels
            are never taken from the frame cache.
    """

    encoded: ClipSource
    folder: str
    size: int
    clips: ClipIndex = dataclasses.field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns one example: clip_id, label, num_frames, `StoredFrames`, maybe peak_intensity."""
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of a source of {len(self)} clips")
        row = int(self._rows[index])
        clips = self.clips
        notes.at(f"clip {clips.clip_ids[row]}")
        example = {
            "clip_id": str(clips.clip_ids[row]),
            "label": int(self._labels[row]),
            "num_frames": int(clips.num_frames[row]),
            "frames": self._store.frames(row),
        }
        if clips.peak_intensities is not None:
            example["peak_intensity"] = float(clips.peak_intensities[row])
        return example

    def subset(self, indices: Sequence[int]) -> "CachedSource":
        """Returns a source of the clips at these positions of this one, in the order given."""
        return dataclasses.replace(self, encoded=self.encoded.subset(indices))

    @property
    def split(self) -> str:
        """TFDS split expression."""
        return self.encoded.split

    def clip_index(self) -> ClipIndex:
        """Returns what is known of the clips; nothing is read."""
        found = self.clips.take(self._rows)
        votes = found.votes if self.encoded.relabelling is None else None
        return dataclasses.replace(found, labels=self._labels[self._rows], votes=votes)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order that labels count them."""
        return self.encoded.classes

    def relabelled(self, relabelling: Relabelling) -> "CachedSource":
        """Returns a source of the same clips with other classes."""
        return dataclasses.replace(self, encoded=self.encoded.relabelled(relabelling))

    @functools.cached_property
    def _labels(self) -> np.ndarray:
        """Labels of all clips of the data set, int32."""
        relabelling = self.encoded.relabelling
        if relabelling is None:
            return self.clips.labels
        return np.array(relabelling.places, np.int32)[self.clips.labels]

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @functools.cached_property
    def _store(self) -> FrameStore:
        return FrameStore(Path(self.folder))

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        rows = rows_of_split(self.encoded.builder, self.encoded.split)
        return rows if self.encoded.indices is None else rows[np.asarray(self.encoded.indices, int)]


Source = ClipSource | CachedSource


def index_of(source: Source) -> ClipIndex:
    """Returns what is known of every clip; without a frame cache every record is read for it."""
    return source.clip_index() if isinstance(source, CachedSource) else clip_index(source)


def with_classes(source: Source, shared: SharedClasses) -> tuple[Source, dict[str, int]]:
    """Returns the clips of shared classes, labelled as the other side counts these.

    Args:
        source: labelled by its data set.
        shared: its classes are `of_data` and `only_data`.

    Returns:
        the source, its labels indices into `shared.names`, and how many clips are left out of each
        class that is not shared, by name.
    """
    own = source.classes
    places = tuple(shared.of_data.index(name) if name in shared.of_data else -1 for name in own)
    left_out = {name: 0 for name in own if name in shared.only_data}
    if own == shared.names:
        return source, left_out
    if left_out:
        labels = index_of(source).labels
        left_out = {name: int((labels == own.index(name)).sum()) for name in left_out}
        kept = np.flatnonzero(np.array(places)[labels] >= 0)
        if len(kept) < len(labels):
            source = source.subset(kept.tolist())
    return source.relabelled(Relabelling(shared.names, places)), left_out


def open_cached_split(
    *, dataset: str, split: str, data_dir: str, size: int, cache_dir: str = ""
) -> CachedSource:
    """Opens a split of a built dataset, with its frames from the frame cache.

    Args:
        dataset: name and configuration, such as "dfew/full".
        split: TFDS split expression, as in `source.open_split`.
        data_dir: folder the datasets were built into.
        size: side of the frames in pixels.
        cache_dir: folder that holds frame caches; "" for beside the dataset.

    Raises:
        UserError: if the dataset or the split is not there, or the frame cache is missing, not
            whole, or of another size, format or build of the dataset.
    """
    encoded = open_split(dataset=dataset, split=split, data_dir=data_dir)
    place, contents = Place(dataset, data_dir, size, cache_dir), contents_of(encoded.builder)
    if reason := why_unusable(place, contents.frames):
        raise UserError(f"{reason}; build it with `{place.command}`")
    if read_header(place.folder).labels != contents.labels:
        logging.info(
            "labels of %s changed since its frame cache was made; the new ones are used", dataset
        )
    return CachedSource(encoded, str(place.folder), size, contents.clips)
