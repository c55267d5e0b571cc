"""What a cross-validation will do and cost, before it is started."""

import functools
import math
import os
import shutil
import statistics
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from dfer_jax.clips import experiment
from dfer_jax.clips.crossval.runs import Run, State, state
from dfer_jax.clips.sources import open_sources
from dfer_jax.data import pipeline
from dfer_jax.runs import checkpoint
from dfer_jax.runs.metric_writer import read_metrics
from dfer_jax.runtime import parallel
from dfer_jax.runtime.cores import usable_cores
from dfer_jax.training import network

# Used only until a run of this cross-validation has been timed.
_GUESSED_CLIPS = {"accelerator": 200.0, "CPU core": 0.5}  # per second, 16 frames of 112, width 64
_EVALUATION = 1 / 3  # of the time of a training clip: the forward pass alone
_COPIES = 2  # checkpoints kept and evaluated: the last and the best


def describe(runs: Sequence[Run], *, directory: str) -> str:
    """Returns the plan: every run and its state, then time and disk, guesses named as such.

    Raises:
        UserError: if the data set cannot be opened or a run's config cannot work.
    """
    experiment.check(runs[0].config, parallel.over(jax.local_devices()))
    opened = {run.fold: run.config for run in runs}  # the seed does not change the clips
    opened = {fold: open_sources(config) for fold, config in opened.items()}
    num_classes = len(opened[runs[0].fold].train.classes)
    states = [state(run) for run in runs]
    lines = [f"{directory}: {len(runs)} runs, one after the other, each a process of its own"]
    work = 0.0
    for run, now in zip(runs, states, strict=True):
        sources = opened[run.fold]
        trained_on = len(sources.train)
        evaluated_on = sum(map(len, sources.evaluated.values()))
        batch, epochs = run.config.train.batch_size, run.config.train.epochs
        per_epoch = pipeline.steps_per_epoch(trained_on, batch)
        total = per_epoch * epochs
        at = "" if now.word == "new" else f" at step {now.step:,}"
        lines.append(f"  {run.name}: {now.word}{at} of {total:,} ({epochs} x {per_epoch:,})")
        if now.word != "done":
            left = (total - now.step) / per_epoch
            evaluations = math.ceil(left / run.config.train.eval_every_epochs) + _COPIES
            work += left * per_epoch * batch + _EVALUATION * evaluations * evaluated_on
        if now.word == "new":
            pretrain = run.config.pretrain
            work += pretrain.epochs * pretrain.clips_per_class * num_classes
    return "\n".join(
        [*lines, _time(runs, work), _disk(runs, states, directory, num_classes=num_classes)]
    )


def _time(runs: Sequence[Run], work: float) -> str:
    """One line on the time left; `work` is in clips trained on."""
    speeds = [
        float(row["train/clips_per_s"] or 0)
        for run in runs
        for row in read_metrics(run.workdir)[1:]  # the first row contains the compilation
        if "train/clips_per_s" in row
    ]
    if speeds:
        speed = statistics.median(speeds)
        source = f"{speed:.1f} clips/s, the median of what was trained here so far"
    else:
        speed, source = _guessed_speed(runs[0])
    hours = work / max(speed, 1e-9) / 3600
    shown = f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"
    return f"time left: about {shown} ({source}; without compiling and starting up)"


def _guessed_speed(run: Run) -> tuple[float, str]:
    config = run.config
    on_cpu = jax.default_backend() == "cpu"
    kind = "CPU core" if on_cpu else "accelerator"
    count = usable_cores() if on_cpu else jax.local_device_count()
    pixels = experiment.num_frames(config) * config.model.image_size**2 / (16 * 112**2)
    width = config.model.get("width", 64) / 64
    speed = _GUESSED_CLIPS[kind] * count / (pixels * width**2)
    return speed, f"a guess of {speed:.2g} clips/s for {count} {kind}(s); nothing was timed yet"


def _disk(runs: Sequence[Run], states: Sequence[State], directory: str, *, num_classes: int) -> str:
    done = [run for run, now in zip(runs, states, strict=True) if now.word == "done"]
    sizes = [size for run in done if (size := _size(checkpoint.checkpoint_dir(run.workdir)))]
    source = "as the finished runs" if sizes else "weights and momentum in float32, last and best"
    each = (
        statistics.mean(sizes)
        if sizes
        else _copies(runs[0]) * 8 * _num_values(runs[0], num_classes)
    )
    needed = each * sum(now.word == "new" for now in states)
    place = os.path.abspath(directory)
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    free = shutil.disk_usage(place).free
    enough = "" if needed < free else "; NOT ENOUGH"
    return (
        f"disk: about {_shown(needed)} more for checkpoints, {_shown(each)} a run ({source}); "
        f"{_shown(free)} free{enough}"
    )


def _copies(run: Run) -> int:
    """Checkpoints kept of a run, with the one of its pre-training."""
    return _COPIES + bool(run.config.pretrain.epochs)


def _num_values(run: Run, num_classes: int) -> int:
    """Parameters and running statistics of the model."""
    config = run.config
    size = config.model.image_size
    model = network.create_model(
        config.model.name,
        experiment.model_kwargs(config, num_classes=num_classes),
        dtype="float32",
        parallel=parallel.over(jax.local_devices()[:1]),
    )
    clips = jax.ShapeDtypeStruct((1, experiment.num_frames(config), size, size, 3), jnp.float32)
    shapes = jax.eval_shape(functools.partial(model.init, train=False), jax.random.key(0), clips)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def _size(folder: str) -> int:
    return sum(
        os.path.getsize(os.path.join(at, name))
        for at, _, names in os.walk(folder)
        for name in names
    )


def _shown(size: int | float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
