"""What both networks are given to do in the speed comparisons, and what they report alike."""

import dataclasses
import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

NUM_CLASSES = 7
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 1e-3, 0.9, 0.1
"""Of the SGD of both, as released."""

_MOST_STEPS = 200


@dataclasses.dataclass(frozen=True)
class Work:
    """One comparison.

    Attributes:
        task: `train`, `eval` or `latency`.
        device: `cpu` or `gpu`.
        batch: clips in a batch.
        frames: of a clip.
        image_size: side of the frames in pixels.
        width: channels of the first stage.
        dtype: of the computation, `float32` or `bfloat16`.
        weights: file the weights of both are in, by the names of the released checkpoints.
        network: its name in `dfer_jax.models`; `width` is of GCA+IAL only, others are as published.
        shortest_s: that a measurement of several steps takes about.
        calls: that a measurement of `latency` takes.
    """

    task: str
    device: str
    batch: int
    frames: int
    image_size: int
    width: int
    dtype: str
    weights: str
    network: str = "gca_ial"
    shortest_s: float = 1.0
    calls: int = 20

    def model_options(self) -> dict[str, int]:
        """Returns the arguments of GCA+IAL on both sides."""
        return {
            "width": self.width,
            "image_size": self.image_size,
            "num_frames": self.frames,
            "num_classes": NUM_CLASSES,
            "reduction": min(16, 2 * self.width),
        }

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns noise, uint8 `[b, t, s, s, 3]`, and labels, int32 `[b]`; always the same."""
        random = np.random.default_rng(0)
        shape = (self.batch, self.frames, self.image_size, self.image_size, 3)
        labels = random.integers(0, NUM_CLASSES, self.batch, np.int32)
        return random.integers(0, 256, shape, np.uint8), labels

    def check_clips(self) -> np.ndarray:
        """Returns the up to two clips whose logits are compared before anything is timed."""
        return self.arrays()[0][:2]


def as_published(network: str, *, task: str, batch: int, weights: str, **measured: Any) -> Work:
    """Returns float32 work on a CPU for a network at its published size; see `Work`."""
    from dfer_jax.models import create_model  # PyTorch's side needs no JAX

    model = create_model(network)
    return Work(
        task=task,
        device="cpu",
        batch=batch,
        frames=model.num_frames,
        image_size=model.image_size,
        width=model.width,
        dtype="float32",
        weights=weights,
        network=network,
        **measured,
    )


class InTurn:
    """Opens one network after the other in its process; all else is asked of the open one.

    Args:
        target: `package.module:class` of them; asked before one is open.
    """

    def __init__(self, target: str) -> None:
        module, name = target.split(":")
        self._open = self._kind = getattr(importlib.import_module(module), name)

    def open(self, *arguments: Any) -> None:
        """Lets go of the one before, and makes the next."""
        self._open = self._kind
        self._open = self._kind(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open, name)


def seconds_per_step(
    step: Callable[[], None], wait: Callable[[], None], *, shortest_s: float
) -> float:
    """Returns the seconds that each of several steps in a row takes, about `shortest_s` in all.

    The step before them is not counted unless it alone takes that long.

    Args:
        step: does a step; it need not wait for its result.
        wait: waits for all steps done so far.
        shortest_s: see above.
    """
    first = _seconds(step, wait, steps=1)
    if first >= shortest_s:
        return first
    steps = min(_MOST_STEPS, round(shortest_s / first))
    return _seconds(step, wait, steps=steps) / steps


def _seconds(step: Callable[[], None], wait: Callable[[], None], *, steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait()
    return time.perf_counter() - start


def call_seconds(call: Callable[[], None], *, calls: int) -> list[float]:
    """Returns the seconds of each of some calls in a row, after one not counted."""
    return [_seconds(call, lambda: None, steps=1) for _ in range(calls + 1)][1:]
