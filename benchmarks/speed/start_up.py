r"""How long from the training command to the end of its first step, the first time and later?

    python -m benchmarks.speed.start_up
    python -m benchmarks.speed.start_up --width 64 --image_size 112 --frames 16 --batch_size 4

Trains configs/synthetic.py in new work directories, with a folder for compiled programs that is
empty at the first start, and stops after the first step. Prints seconds by the clock and writes
JSON; the load of the machine is told beside them.
"""

import json
import os
import platform
import tempfile
from pathlib import Path

from absl import flags, logging

from benchmarks.input import many_clips
from benchmarks.speed import real_run
from dfer_jax.errors import run

_WIDTH = flags.DEFINE_integer("width", 16, "Channels of the network's first stage.", 1)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 64, "Pixels, a multiple of 16.", 16)
_FRAMES = flags.DEFINE_integer("frames", 8, "Frames of a clip.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 20, "Clips in a batch.", 1)
_STARTS = flags.DEFINE_integer("starts", 3, "Starts, the first one included.", 2)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/start_up.json", "Where the JSON goes.")

_CLIPS = 140


def main(_: list[str]) -> None:
    """Starts, prints, writes."""
    logging.set_verbosity(logging.ERROR)  # TFDS tells what it does, step by step
    decode_size = _IMAGE_SIZE.value + 8
    fields = {
        "model.width": _WIDTH.value,
        "model.reduction": min(16, 2 * _WIDTH.value),
        "model.image_size": _IMAGE_SIZE.value,
        "data.segments": _FRAMES.value,
        "data.decode_size": decode_size,
        "train.batch_size": _BATCH_SIZE.value,
        "train.log_every_steps": 1,
    }
    starts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fields["data.data_dir"] = folder / "data"
        fields["data.dataset"] = many_clips.build(
            folder / "data", clips=_CLIPS, frames=_FRAMES.value, side=decode_size
        )
        for number in range(_STARTS.value):
            load = os.getloadavg()[0]
            workdir = folder / f"run{number}"
            environment = real_run.fresh_cache(folder / "cache")
            took = real_run.train(fields, workdir=workdir, rows=1, environment=environment)
            starts.append({"first_step_s": took.first_row_s, "load": load})
            print(f"start {number + 1}: first step done after {took.first_row_s:.1f} s", end="")
            print(f" (load of the machine before: {load:.1f})", flush=True)
    figures = {
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "fields": {k: v for k, v in fields.items() if not k.startswith("data.data")},
        "starts": starts,
    }
    out = Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    run(main)
