r"""What agreement costs: steps of real training with and without it, interleaved, medians.

(resample) GCA+IAL on random views of each clip against plain training; (instances) RDFER, whose own
clips are compared, against RDFER without. Frames come from the frame cache.

    dfer build synthetic_dfer/tiny
    dfer cache synthetic_dfer/tiny --size 56
    python -m benchmarks.speed.robust_speed
"""

import statistics
import time

import jax
from absl import app, flags

from configs import synthetic
from configs.rdfer import rdfer_synthetic
from dfer_jax.clips.task import ClipTask
from dfer_jax.runtime import parallel

_STEPS = flags.DEFINE_integer("steps", 8, "Steps in one repeat")
_REPEATS = flags.DEFINE_integer("repeats", 7, "Repeats of each kind, taken in turn")
_VIEWS = flags.DEFINE_integer("views", 4, "K")


def config_of(kind: str, method: str):
    """Returns a small experiment on cached clips."""
    config = synthetic.get_config() if kind == "resample" else rdfer_synthetic.get_config()
    config.data.dataset, config.data.cache, config.data.decode_size = (
        "synthetic_dfer/tiny",
        True,
        56,
    )
    config.model.image_size = 48
    config.robust.method, config.robust.source = method, kind
    config.robust.views = _VIEWS.value
    config.train.epochs = 100
    return config


class Loop:
    """A training under way."""

    def __init__(self, kind: str, method: str) -> None:
        """Compiles and takes the first steps."""
        devices = parallel.over(jax.local_devices()[:1])
        self._task, self._put = ClipTask(config_of(kind, method), devices), devices.put
        self._state = devices.replicate(jax.jit(self._task.init)())
        self._batches, self._step = self._task.batches(self._state, 0, 10**6), 0
        self.take(3)

    def take(self, steps: int) -> float:
        """Returns seconds per step, reading included."""
        start = time.perf_counter()
        for _ in range(steps):
            batch = self._put(next(self._batches))
            self._state, metrics = self._task.step_at(self._step)(self._state, batch)
            self._step += 1
        jax.block_until_ready(metrics)
        return (time.perf_counter() - start) / steps


def main(argv: list[str]) -> None:
    """Measures both sources and prints the ratios."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    print("| source | plain, ms | agreement, ms | ratio | at most |\n|---|---|---|---|---|")
    for kind, most in (("resample", 1 + _VIEWS.value / 3), ("instances", 1.05)):
        plain, agreement = Loop(kind, "none"), Loop(kind, "agreement")
        pairs = [
            (plain.take(_STEPS.value), agreement.take(_STEPS.value)) for _ in range(_REPEATS.value)
        ]
        milliseconds = [1e3 * statistics.median(times) for times in zip(*pairs, strict=True)]
        ratio = statistics.median(w / p for p, w in pairs)
        print(
            f"| {kind} | {milliseconds[0]:.1f} | {milliseconds[1]:.1f} | {ratio:.3f} | {most:.2f} |"
        )


if __name__ == "__main__":
    app.run(main)
