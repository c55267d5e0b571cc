r"""Does the real training loop keep up with the bare step, and how many epochs per second is that?

    python -m benchmarks.speed.whole_job
    python -m benchmarks.speed.whole_job --width 64 --image_size 112 --frames 16 --batch_size 4
    python -m benchmarks.speed.whole_job --width 64 --image_size 112 --frames 16 --batch_size 40 \
        --clips 8000                                                         # on a GPU

Builds a data set of rendered faces and its frame cache, then measures in turn, each in a process of
its own: `python -m dfer_jax.main` training from the cache for some epochs, evaluation and saving
included, and the same step alone on one batch that stays on the device. The first epoch of each run
and the first steps of each bare measurement are left out. Prints a table and writes JSON.
  loop     clips per second of training, from the run's own metrics
  bare     clips per second of the step alone, a mean of the measurements before and after the run
  ratio    loop / bare; the median over the rounds counts
  wait     share of the training's time in which the device had nothing to do for want of data
  epochs/s of the whole job, by the clock, from the end of one evaluation to the next
"""

import json
import os
import platform
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags, logging

from benchmarks.input import many_clips
from benchmarks.speed import interleaved, real_run
from dfer_jax.errors import UserError, run

_WIDTH = flags.DEFINE_integer("width", 16, "Channels of the network's first stage.", 1)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 64, "Pixels, a multiple of 16.", 16)
_FRAMES = flags.DEFINE_integer("frames", 8, "Frames of a clip.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 20, "Clips in a batch.", 1)
_CLIPS = flags.DEFINE_integer("clips", 560, "Training clips; an epoch.", 1)
_EPOCHS = flags.DEFINE_integer("epochs", 4, "Epochs of a run; the first is left out.", 3)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Runs of the real loop.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/whole_job.json", "Where the JSON goes.")

_LOG_EVERY = 10
Round = dict[str, float]


def main(_: list[str]) -> None:
    """Prepares, measures in turn, prints, writes."""
    logging.set_verbosity(logging.ERROR)  # TFDS tells what it does, step by step
    if _CLIPS.value < 2 * _BATCH_SIZE.value:
        raise UserError("an epoch is less than two batches; raise --clips or lower --batch_size")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fields = _fields()
        places = _prepare(folder, fields)
        arguments = (fields, max(5, _CLIPS.value // _BATCH_SIZE.value))
        target = "benchmarks.speed.bare_step:BareStep"
        rounds = []
        print(f"{'loop':>8} {'bare':>8} {'ratio':>7} {'wait':>7} {'epochs/s':>9}", flush=True)
        with interleaved.Peer("the bare step", target, arguments, interleaved.SHARED_GPU) as bare:
            before = _rate(bare)
            for number in range(_ROUNDS.value):
                measured = _loop(folder / f"run{number}", fields | places, folder / "programs")
                after = _rate(bare)
                measured["bare"] = (before + after) / 2
                measured["ratio"] = measured["loop"] / measured["bare"]
                before = after
                rounds.append(measured)
                print(_row(measured), flush=True)
    median = {key: statistics.median(found[key] for found in rounds) for key in rounds[0]}
    print(f"{_row(median)}   median")
    figures = {
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "fields": fields,
        "clips": _CLIPS.value,
        "rounds": rounds,
        "median": median,
    }
    out = Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2))


def _fields() -> dict[str, Any]:
    """Returns the fields of configs/synthetic.py that loop and bare step both change."""
    return {
        "model.width": _WIDTH.value,
        "model.reduction": min(16, 2 * _WIDTH.value),
        "model.image_size": _IMAGE_SIZE.value,
        "data.segments": _FRAMES.value,
        "data.decode_size": _IMAGE_SIZE.value + _IMAGE_SIZE.value // 8,
        "train.batch_size": _BATCH_SIZE.value,
    }


def _prepare(folder: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Builds the data set and its frame cache; returns the fields only the loop needs."""
    data, size = folder / "data", fields["data.decode_size"]
    dataset = many_clips.build(data, clips=_CLIPS.value, frames=_FRAMES.value, side=size)
    many_clips.build_cache(data, dataset, size=size)
    return {
        "data.dataset": dataset,
        "data.data_dir": data,
        "data.cache": True,
        "train.epochs": _EPOCHS.value,
        "train.log_every_steps": _LOG_EVERY,
    }


def _loop(workdir: Path, fields: Mapping[str, Any], programs: Path) -> Round:
    """Trains some epochs from a new work directory; what the epochs after the first took."""
    environment = real_run.fresh_cache(programs) | interleaved.SHARED_GPU
    took = real_run.train(fields, workdir=workdir, rows=None, environment=environment)
    ends = [
        (second, row)
        for second, row in zip(took.seconds, took.rows, strict=True)
        if "test/war" in row
    ]
    first_step = ends[0][1]["step"]
    later = [row for row in took.rows if row["step"] > first_step and "train/loss" in row]
    return {
        "loop": _mean_rate(later, after_step=first_step),
        "wait": statistics.fmean(row["train/data_wait"] for row in later),
        "epochs_per_s": (len(ends) - 1) / (ends[-1][0] - ends[0][0]),
        "first_step_and_row_s": took.first_row_s,
    }


def _mean_rate(rows: list[dict[str, float]], *, after_step: float) -> float:
    """Returns clips per second over several windows, each weight_metrics with the time it took."""
    clips = seconds = 0.0
    before = after_step
    for row in rows:
        count = (row["step"] - before) * _BATCH_SIZE.value
        clips, before = clips + count, row["step"]
        seconds += count / row["train/clips_per_s"]
    return clips / seconds


def _rate(bare: interleaved.Peer) -> float:
    return _BATCH_SIZE.value / bare.call("measure")[0]


def _row(found: Round) -> str:
    return (
        f"{found['loop']:8.1f} {found['bare']:8.1f} {found['ratio']:7.1%} {found['wait']:7.1%} "
        f"{found['epochs_per_s']:9.4f}"
    )


if __name__ == "__main__":
    run(main)
