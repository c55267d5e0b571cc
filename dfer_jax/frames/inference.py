"""Every frame scored once: its features, then the head on the window around it."""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float32, PyTree, UInt8

from dfer_jax.frames.batches import Reader
from dfer_jax.frames.index import FrameIndex
from dfer_jax.frames.windows import centred_windows
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training.augment.crops import resize_clips

Compute = Callable[[np.ndarray], np.ndarray]


class Network:
    """A per-frame model in two compiled halves: pictures to features, windows of those to logits.

    Every process evaluates all frames on its own devices; only training is shared.
    """

    def __init__(
        self, model: nn.Module, *, image_size: int, length: int, devices: Parallel
    ) -> None:
        """Compiles nothing yet.

        Args:
            model: a `models.resnet50.FrameModel`.
            image_size: side of the pictures that it sees.
            length: frames of a window, odd.
            devices: of this process.
        """
        self._devices = Parallel(devices.devices)

        def features(variables: PyTree, batch: dict[str, Array]) -> tuple[PyTree, PyTree]:
            clips = resize_clips(batch["clips"][:, None], image_size=image_size)
            out = model.apply(variables, clips, train=False)[1]
            return {}, {"found": out["frame_features"][:, 0]}

        def logits(variables: PyTree, batch: dict[str, Array]) -> tuple[PyTree, PyTree]:
            found = model.apply(variables, batch["clips"], train=False)[0]
            return {}, {"found": found[:, length // 2]}

        self._features = self._devices.compile_eval(features)
        self._logits = self._devices.compile_eval(logits)

    def backbone(self, variables: PyTree) -> Compute:
        """Returns pictures uint8 [b, s, s, 3] -> features float32 [b, d]."""
        return self._bound(self._features, variables)

    def head(self, variables: PyTree) -> Compute:
        """Returns features of windows float32 [b, t, d] -> logits float32 [b, k] of the middles."""
        return self._bound(self._logits, variables)

    def _bound(self, step: Callable, variables: PyTree) -> Compute:
        def run(clips: np.ndarray) -> np.ndarray:
            found = step(variables, self._devices.put({"clips": clips}))[1]["found"]
            return np.asarray(jax.device_get(found), np.float32)

        return run


def score_frames(
    index: FrameIndex,
    videos: np.ndarray,
    *,
    length: int,
    max_gap: int,
    read_features: Callable[[np.ndarray], Float32[np.ndarray, "m d"]],
    head: Callable[[Float32[np.ndarray, "b t d"]], Float32[np.ndarray, "b k"]],
    batch_size: int,
) -> tuple[np.ndarray, Float32[np.ndarray, "n k"]]:
    """Returns rows and logits of every frame of some videos, each from the window around it.

    A frame's features are needed in `length` windows and are read once.

    Args:
        index: of the frames.
        videos: which of its videos.
        length: frames of a window, odd.
        max_gap: most frames missing between two neighbours in a window.
        read_features: rows [m] of one video to their features.
        head: features of windows to the logits of their middle frames.
        batch_size: b.
    """
    rows, logits = [], []
    for video in videos:
        start, stop = index.starts[video : video + 2].tolist()
        features = read_features(np.arange(start, stop))
        windows = centred_windows(index.numbers[start:stop], length=length, max_gap=max_gap)
        for batch, count in padded(windows, batch_size):
            logits.append(head(features[batch])[:count])
        rows.append(np.arange(start, stop))
    return np.concatenate(rows), np.concatenate(logits)


def padded(rows: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields batches of rows, the last one filled with its last row, and how many count."""
    for first in range(0, len(rows), batch_size):
        part = rows[first : first + batch_size]
        missing = batch_size - len(part)
        yield np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]), len(part)


def features_by(
    compute: Compute, read: Reader, *, batch_size: int
) -> Callable[[np.ndarray], Float32[np.ndarray, "m d"]]:
    """Returns `read_features` of `score_frames` that computes them from pictures.

    Args:
        compute: pictures uint8 [b, s, s, 3] to features.
        read: of pictures.
        batch_size: b.
    """

    def read_features(rows: np.ndarray) -> np.ndarray:
        def compute_batch(batch: np.ndarray) -> np.ndarray:
            pictures: UInt8[np.ndarray, "b s s 3"] = read(batch[:, None])[:, 0]
            return compute(pictures)

        return np.concatenate([compute_batch(b)[:count] for b, count in padded(rows, batch_size)])

    return read_features


def features_in(read: Reader) -> Callable[[np.ndarray], Float32[np.ndarray, "m d"]]:
    """Returns `read_features` of `score_frames` that looks them up."""
    return lambda rows: np.asarray(read(rows[:, None])[:, 0], np.float32)
