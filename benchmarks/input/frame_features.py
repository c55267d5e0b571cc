r"""Heads on frames, trained on kept features and end to end: time and result of the same epochs.

Both start from the same weights and see the same windows in the same order, without augmentation.

    dfer build synthetic_dfer/frames
    dfer train configs/synthetic_frames.py
    python -m benchmarks.input.frame_features --init_from runs/synthetic_frames
"""

import os
import tempfile
import time

import jax
import numpy as np
from absl import app, flags

from configs import synthetic_frames
from dfer_jax.frames.task import FrameTask
from dfer_jax.runs import checkpoint
from dfer_jax.runtime import parallel
from dfer_jax.training.loop import Trainer

_INIT = flags.DEFINE_string("init_from", "runs/synthetic_frames", "A trained static CNN")
_HEAD = flags.DEFINE_enum("head", "gru", ["gru", "transformer"], "Which head")
_EPOCHS = flags.DEFINE_integer("epochs", 1, "Of either way")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Of the kept features, whose epochs are short")


def config_of(*, features: bool):
    """Returns the experiment of the head."""
    config = synthetic_frames.get_config(_HEAD.value)
    config.data.features, config.augment.enabled = features, False
    config.train.init_from, config.train.epochs = _INIT.value, _EPOCHS.value
    if _HEAD.value == "transformer":
        config.model.dropout = 0.0
    return config


def run(*, features: bool, workdir: str) -> float:
    """Trains; returns seconds per epoch once compiled, reading included, evaluation not."""
    config = config_of(features=features)
    trainer = Trainer(FrameTask, config, workdir, init_from=_INIT.value)
    trainer.run(with_evaluation=False)  # compiles, computes the features, leaves the weights
    return _seconds_per_epoch(trainer.task, config)


def _seconds_per_epoch(task: FrameTask, config) -> float:
    devices = parallel.over(jax.local_devices()[:1])
    state = task.start_from(jax.jit(task.init)(), _INIT.value)
    state, seconds = devices.replicate(state), []
    for _ in range(_REPEATS.value if config.data.features else 1):
        start = time.perf_counter()
        for step, batch in enumerate(task.batches(state, 0, task.steps_per_epoch)):
            state, metrics = task.step_at(step)(state, devices.put(batch))
        jax.block_until_ready(metrics)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main(argv: list[str]) -> None:
    """Prints seconds per epoch of both ways, their ratio, and how far the weights are apart."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    with tempfile.TemporaryDirectory() as folder:
        seconds, weights = {}, {}
        for name, features in (("kept features", True), ("end to end", False)):
            workdir = os.path.join(folder, name.replace(" ", "_"))
            seconds[name] = run(features=features, workdir=workdir)
            weights[name] = checkpoint.load_last_weights(workdir)[0]
    apart = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), *weights.values())
    for name, taken in seconds.items():
        print(f"{name}: {taken:.2f} s per epoch")
    ratio = seconds["end to end"] / seconds["kept features"]
    print(f"{ratio:.0f} times faster; weights differ by at most {max(jax.tree.leaves(apart)):.1e}")


if __name__ == "__main__":
    app.run(main)
