"""What both networks are given to do in the speed comparisons, and what they report alike."""

import dataclasses
import os
import resource
import time
from collections.abc import Callable

import numpy as np

NUM_CLASSES = 7
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 1e-3, 0.9, 0.1
"""Of the SGD of both, as released."""

_SHORTEST_S = 1.0
_MOST_STEPS = 200
_CALLS = 20


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
    """

    task: str
    device: str
    batch: int
    frames: int
    image_size: int
    width: int
    dtype: str
    weights: str

    def model_options(self) -> dict[str, int]:
        """Returns the arguments of both networks."""
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


def steps_for(step: Callable[[], None], wait: Callable[[], None]) -> int:
    """Returns how many steps make up one measurement: about a second's, at least one.

    Args:
        step: does a step; it need not wait for its result.
        wait: waits for all steps done so far.
    """
    per_step = seconds_per_step(step, wait, steps=1)
    return int(min(_MOST_STEPS, max(1, round(_SHORTEST_S / per_step))))


def seconds_per_step(step: Callable[[], None], wait: Callable[[], None], *, steps: int) -> float:
    """Returns the seconds that each of `steps` steps in a row takes, after one not counted."""
    step()
    wait()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait()
    return (time.perf_counter() - start) / steps


def call_seconds(call: Callable[[], None]) -> list[float]:
    """Returns the seconds of each of some calls in a row, after two not counted."""
    seconds = []
    for _ in range(_CALLS + 2):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds[2:]


def host_peak_bytes() -> int:
    """Returns the largest memory this process has held so far."""
    if os.path.exists("/proc/self/status"):  # ru_maxrss would count the process before exec, too
        with open("/proc/self/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
