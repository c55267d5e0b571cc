"""The rows of a batch: which frames of a clip, decoded straight into the batch they belong to."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dfer_jax.data.batch_memory import BatchMemory
from dfer_jax.data.decode import decode_frames
from dfer_jax.data.frame_cache.store import StoredFrames
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.interpolation import interpolate
from dfer_jax.data.readers import notes

Batch = dict[str, np.ndarray]


class Row(NamedTuple):
    """One clip of a batch, its frames chosen but not decoded yet.

    `indices` are the places of all its views in turn; of a blended clip its frames are all there.
    """

    clip_id: str
    label: int
    peak_intensity: float | None
    frames: dict[int, bytes] | StoredFrames
    indices: np.ndarray
    num_frames: int
    is_blended: bool


@dataclasses.dataclass(frozen=True)
class ChooseFrames:
    """Example of a source to the row of a batch."""

    protocol: FrameProtocol
    views: int = 0
    as_at_test: bool = False  # whether the clip itself has the frames of the test views

    def __call__(self, example: dict[str, Any], rng: np.random.Generator | None = None) -> Row:
        """Returns the row; `rng` draws what is random in it."""
        count, blended = example["num_frames"], self.protocol.is_blended
        fixed = self.as_at_test or blended
        drawn = [
            self.protocol.test(count).reshape(-1) if fixed else self.protocol.draw(count, rng),
            *(self.protocol.draw(count, rng) for _ in range(self.views)),
        ]
        indices = np.concatenate(drawn)
        frames = example["frames"]
        if not isinstance(frames, StoredFrames):  # let go of the frames that are not wanted
            wanted = range(count) if blended else indices.tolist()
            frames = {index: frames[index] for index in wanted}
        peak = example.get("peak_intensity")
        return Row(example["clip_id"], example["label"], peak, frames, indices, int(count), blended)


@dataclasses.dataclass(frozen=True)
class Stack:
    """Rows to a batch; what is missing to the batch size is zeros, False and ""."""

    batch_size: int
    num_frames: int
    size: int
    with_facts: bool
    views: int = 0
    test_views: int = 1
    memory: BatchMemory = dataclasses.field(default_factory=BatchMemory)

    def __call__(self, rows: Sequence[Row]) -> Batch:
        """Returns the batch, its frames decoded."""
        missing = self.batch_size - len(rows)
        own = self.test_views * self.num_frames
        clips = self.memory.empty(
            (self.batch_size, own + self.views * self.num_frames, self.size, self.size, 3)
        )
        for row, clip in zip(rows, clips, strict=False):
            _read_frames(row, out=clip)
        clips[len(rows) :] = 0
        batch = {
            "clips": clips[:, :own],
            "labels": np.array([row.label for row in rows] + [0] * missing, np.int32),
            "mask": np.arange(self.batch_size) < len(rows),
        }
        if self.test_views > 1:
            batch["clips"] = self._parted(batch["clips"], self.test_views)
        if self.views:
            batch["views"] = self._parted(clips[:, own:], self.views)
        return batch | (self._facts(rows, missing) if self.with_facts else {})

    def _parted(self, clips: np.ndarray, views: int) -> np.ndarray:
        return clips.reshape(self.batch_size, views, self.num_frames, *clips.shape[2:])

    def _facts(self, rows: Sequence[Row], missing: int) -> Batch:
        facts = {
            "clip_id": np.array([row.clip_id for row in rows] + [""] * missing),
            "frame_index": np.zeros((self.batch_size, self.num_frames), np.int32),
        }
        for row, index in zip(rows, facts["frame_index"], strict=False):
            index[:] = row.indices[: self.num_frames]
        if rows and rows[0].peak_intensity is not None:
            peaks = [row.peak_intensity for row in rows]
            facts["peak_intensity"] = np.array(peaks + [0] * missing, np.float32)
        return facts


def _read_frames(row: Row, *, out: np.ndarray) -> None:
    """Writes the chosen frames of a clip into its place in the batch, [t, s, s, 3]."""
    notes.at(f"clip {row.clip_id}")
    if row.is_blended:
        everything = np.arange(row.num_frames)
        whole = np.empty((row.num_frames, *out.shape[1:]), np.uint8)
        _copy_frames(row, everything, out=whole)
        out[:] = interpolate(whole, len(out))
    else:
        _copy_frames(row, row.indices, out=out)


def _copy_frames(row: Row, indices: np.ndarray, *, out: np.ndarray) -> None:
    if isinstance(row.frames, StoredFrames):
        row.frames.read(indices, out)
    else:
        decode_frames(row.frames, indices, size=out.shape[1], clip=row.clip_id, out=out)
