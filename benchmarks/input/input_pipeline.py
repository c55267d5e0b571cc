r"""How fast is the input, by core and in all, against a PyTorch-style loader on the same JPEGs?

    pip install -e '.[bench]'
    python -m benchmarks.input.input_pipeline
    python -m benchmarks.input.input_pipeline --side 256 --workers 8,16

Writes clips of rendered faces as the DFEW release has them, builds the data set and its frame
cache, and measures loader after loader, each in a process of its own: pinned to one core without
worker processes, then on all cores with every number of workers. Repeats are interleaved and
medians compared. The files are in the page cache: no disk is measured. Linux only.

Prints tables and writes JSON. Clips per second of processor time ("per CPU s") are disturbed less
by other programs on the machine than those by the clock. The PyTorch-style loader ("peer") augments
while it loads, ours on the device; so ours is shown with its augmentation too, done on the CPU.
"""

import dataclasses
import json
import os
import platform
import tempfile
from pathlib import Path

from absl import flags

from benchmarks.input import input_loaders, input_rates
from dfer_jax.errors import run

_SIDE = flags.DEFINE_integer("side", 224, "Side of the JPEG frames, pixels (release: 224, 256).", 8)
_CLIPS = flags.DEFINE_integer("clips", 40, "Clips on disk.", 1)
_FRAMES = flags.DEFINE_integer("frames", 77, "Frames of a clip; DFEW's mean is 77.", 17)
_DECODE_SIZE = flags.DEFINE_integer("decode_size", 128, "Side of our decoded frames, pixels.", 1)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 112, "Side of the augmented frames, pixels.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 40, "Clips in a batch.", 1)
_EPOCH = flags.DEFINE_integer("epoch", 9356, "Clips in an epoch; those on disk are repeated.", 1)
_WORKERS = flags.DEFINE_list("workers", None, "Worker processes to try; 0, half and all the cores.")
_SECONDS = flags.DEFINE_float("seconds", 4.0, "Length of one measurement.")
_REPEATS = flags.DEFINE_integer("repeats", 5, "Measurements of each row.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/input_pipeline.json", "Where the JSON goes.")


def main(_: list[str]) -> None:
    """Prepares, measures, prints, writes."""
    cores = len(input_rates.usable_cores())
    workers = [int(number) for number in _WORKERS.value or sorted({0, (cores + 1) // 2, cores})]
    often = {"repeats": _REPEATS.value, "seconds": _SECONDS.value}
    with tempfile.TemporaryDirectory() as folder:
        work = input_loaders.prepare(
            Path(folder),
            clips=_CLIPS.value,
            frames=_FRAMES.value,
            side=_SIDE.value,
            epoch=_EPOCH.value,
            decode_size=_DECODE_SIZE.value,
            image_size=_IMAGE_SIZE.value,
            batch_size=_BATCH_SIZE.value,
        )
        size = sum(path.stat().st_size for path in Path(work.folders[0]).iterdir())
        print(
            f"{_CLIPS.value} clips of {_FRAMES.value} frames, {_SIDE.value} x {_SIDE.value}, "
            f"{size / _FRAMES.value / 1000:.1f} kB each, to {_DECODE_SIZE.value}; "
            f"{cores} cores, load {os.getloadavg()[0]:.1f}\n\none core, no workers",
            flush=True,
        )
        one = input_rates.on_one_core(work, **often)
        print("\n".join(input_rates.one_core_table(one)))
        print(f"\n{cores} cores", flush=True)
        everything = input_rates.on_all_cores(work, workers=workers, **often)
        print("\n".join(input_rates.all_cores_table(everything)))
    figures = {
        "machine": platform.platform(),
        "cores": cores,
        "side": _SIDE.value,
        "mean_jpeg_bytes": size / _FRAMES.value,
        "work": dataclasses.asdict(dataclasses.replace(work, folders=())),
        "one_core": one,
        "all_cores": everything,
    }
    out = Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2, default=dataclasses.asdict))


if __name__ == "__main__":
    run(main)
