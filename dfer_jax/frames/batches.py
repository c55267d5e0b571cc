"""From windows of frames to batches: read, decode or look up, stack, prefetch.

Batch `{"clips": uint8 [b, t, s, s, 3] RGB or float [b, t, d] features, "labels": int32 [b, t] or
[b, t, 12], "mask": bool [b, t]}`. What it holds is a function of the windows, the arguments, the
seed and the step alone.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import grain
import numpy as np
from jaxtyping import Bool, Float, Int32, Int64, UInt8

from dfer_jax.data import pipeline
from dfer_jax.data.batch_memory import BatchMemory
from dfer_jax.data.readers import notes
from dfer_jax.errors import UserError
from dfer_jax.frames.index import FrameIndex
from dfer_jax.frames.packed import PackedFrames
from dfer_jax.frames.windows import training_windows
from dfer_jax.runtime.row_files import RowFile


@dataclasses.dataclass(frozen=True)
class LabelledWindows:
    """Windows to train on, by the rows of their frames.

    Attributes:
        rows: `[w, t]`, in the `FrameIndex`.
        labels: `[w, t]` or `[w, t, 12]`; 0 where the mask is False.
        mask: `[w, t]`, where a label counts.
    """

    rows: Int64[np.ndarray, "w t"]
    labels: Int32[np.ndarray, "w t ..."]
    mask: Bool[np.ndarray, "w t"]

    def __len__(self) -> int:
        return len(self.rows)


def labelled_windows(
    index: FrameIndex,
    videos: Sequence[int],
    labels: np.ndarray,
    known: Bool[np.ndarray, " n"],
    *,
    length: int,
    stride: int,
    max_gap: int,
) -> LabelledWindows:
    """Returns the training windows of some videos; see `windows.training_windows`.

    Args:
        index: of the frames.
        videos: which of its videos.
        labels: of all frames, `[n]` or `[n, 12]`.
        known: where they count.
        length: frames of a window.
        stride: frames from one start to the next.
        max_gap: most frames missing between two neighbours in a window.

    Raises:
        UserError: if no frame of these videos has a label.
    """
    rows, masks = [np.zeros((0, length), np.int64)], [np.zeros((0, length), bool)]
    for video in videos:
        start, stop = index.starts[video : video + 2].tolist()
        if not known[start:stop].any():
            continue
        found = training_windows(
            index.numbers[start:stop],
            valid=known[start:stop],
            length=length,
            stride=stride,
            max_gap=max_gap,
        )
        rows.append(start + found.positions)
        masks.append(found.mask)
    rows, mask = np.concatenate(rows), np.concatenate(masks)
    if not len(rows):
        raise UserError("no frame of the training videos has a label; choose another split")
    values = labels[rows].astype(np.int32)
    values[~mask] = 0
    return LabelledWindows(rows, values, mask)


@dataclasses.dataclass(frozen=True)
class PictureReader:
    """Rows [b, t] to pictures, uint8 [b, t, size, size, 3]."""

    frames: PackedFrames
    size: int
    memory: BatchMemory = dataclasses.field(default_factory=BatchMemory)

    def __call__(self, rows: Int64[np.ndarray, "b t"]) -> UInt8[np.ndarray, "b t s s 3"]:
        """Decodes the frames; UserError if one is damaged."""
        pictures = self.memory.empty((*rows.shape, self.size, self.size, 3))
        for window, out in zip(rows, pictures, strict=True):
            self.frames.read(window, out)
        return pictures


@dataclasses.dataclass(frozen=True)
class FeatureReader:
    """Rows [b, t] to features, float [b, t, d], of a file that `features.extract` wrote."""

    path: str

    def __call__(self, rows: Int64[np.ndarray, "b t"]) -> Float[np.ndarray, "b t d"]:
        """Looks the features up; UserError if their file has been cut short."""
        notes.at(f"features in {self.path}")
        found = self._features.read(rows.reshape(-1))
        return found.reshape(*rows.shape, -1)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @functools.cached_property
    def _features(self) -> RowFile:
        return RowFile(self.path, remedy="delete it and run the same command again")


Reader = PictureReader | FeatureReader


@dataclasses.dataclass(frozen=True)
class _Stack:
    """Windows, by position, to a batch."""

    windows: LabelledWindows
    read: Callable[[np.ndarray], np.ndarray]

    def __call__(self, positions: Sequence[int]) -> pipeline.Batch:
        chosen = np.asarray(positions, np.int64)
        return {
            "clips": self.read(self.windows.rows[chosen]),
            "labels": self.windows.labels[chosen],
            "mask": self.windows.mask[chosen],
        }


@dataclasses.dataclass(frozen=True)
class _Pictures:
    """Rows to their pictures; the last one is repeated up to the batch size."""

    read: PictureReader
    batch_size: int

    def __call__(self, rows: Sequence[int]) -> np.ndarray:
        padded = [*rows, *[rows[-1]] * (self.batch_size - len(rows))]
        return self.read(np.asarray(padded, np.int64)[:, None])[:, 0]


def training_batches(
    windows: LabelledWindows,
    read: Reader,
    *,
    batch_size: int,
    rows: range,
    seed: int,
    start_step: int,
    num_steps: int,
    num_workers: int,
) -> Iterator[pipeline.Batch]:
    """Yields the batches of steps `start_step` to `num_steps` - 1.

    Every epoch is a fresh permutation of the windows without its incomplete last batch.

    Args:
        windows: to train on.
        read: their pictures or features.
        batch_size: windows in a batch.
        rows: consecutive rows of every batch to read, as one of several processes.
        seed: of the permutations.
        start_step: first step.
        num_steps: of the whole run.
        num_workers: reading processes; 0 reads on two threads of this process.

    Raises:
        UserError: if there are fewer windows than one batch takes, or a picture is damaged.
    """
    steps = pipeline.steps_per_epoch(len(windows), batch_size)
    chosen = grain.MapDataset.range(len(windows)).seed(seed).shuffle()
    own = pipeline.OwnRows(chosen[: steps * batch_size], batch_size=batch_size, rows=rows)
    stack = _Stack(windows, read)
    batches = own.batch(len(rows), drop_remainder=True, batch_fn=stack).repeat()
    return pipeline.iterate(batches[start_step:num_steps], num_workers)


def frames_in_order(
    read: PictureReader, start: int, *, batch_size: int, num_workers: int
) -> Iterable[tuple[UInt8[np.ndarray, "b s s 3"], int]]:
    """Yields all frames from row `start` on, once, and how many of a batch count.

    The last batch repeats the last frame.

    Raises:
        UserError: if a picture is damaged.
    """
    count = len(read.frames) - start
    positions = grain.MapDataset.range(start, start + count)
    stack = _Pictures(read, batch_size)
    batches = pipeline.iterate(positions.batch(batch_size, batch_fn=stack), num_workers)
    for number, pictures in enumerate(batches):
        yield pictures, min(batch_size, count - number * batch_size)
