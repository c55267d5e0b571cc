"""How many clips a second does the input give, and do worker processes pay on this machine?

    python -m benchmarks.input_speed --dataset synthetic_dfer/tiny --split train

Prints a table and writes it as JSON. Measured on an otherwise idle machine, or not at all.
"""

import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from absl import flags

from dfer_jax import augment
from dfer_jax.data.decode import decode_frames
from dfer_jax.data.pipeline import training_batches
from dfer_jax.data.sampling import sample_frames
from dfer_jax.data.source import ClipSource, open_split
from dfer_jax.errors import run

_DATASET = flags.DEFINE_string("dataset", "synthetic_dfer/tiny", "A built data set.")
_SPLIT = flags.DEFINE_string("split", "train", "Its split.")
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Folder the built data sets lie in.")
_DECODE_SIZE = flags.DEFINE_integer("decode_size", 128, "Side of the decoded frames, pixels.", 1)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 112, "Side of the augmented frames, pixels.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 40, "Clips in a batch.", 1)
_WORKERS = flags.DEFINE_list("workers", ["0", "1", "2"], "Numbers of worker processes to try.")
_SECONDS = flags.DEFINE_float("seconds", 5.0, "Time spent on each row.")
_OUT = flags.DEFINE_string("out", "runs/benchmarks/input_speed.json", "Where the JSON goes.")
_NUM_FRAMES = 16


def clips_per_second(one: Callable[[], int], seconds: float) -> float:
    """Calls `one`, which returns how many clips it handled, for so many seconds."""
    one()  # first call: compilation, start of workers
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        done += one()
    return done / (time.perf_counter() - start)


def single_core(source: ClipSource) -> dict[str, Callable[[], int]]:
    """Returns the host's work by part, each on one thread."""
    positions = itertools.cycle(range(len(source)))
    examples = itertools.cycle([source[i] for i in range(min(len(source), 50))])

    def read() -> int:
        source[next(positions)]
        return 1

    def decode() -> int:
        example = next(examples)
        frames = sample_frames(example["num_frames"], segments=_NUM_FRAMES)
        decode_frames(example["frames"], frames, size=_DECODE_SIZE.value, clip=example["clip_id"])
        return 1

    return {"read encoded clips": read, f"decode {_NUM_FRAMES} frames": decode}


def pipeline(source: ClipSource, num_workers: int) -> Callable[[], int]:
    """Returns a function that takes the next batch from a pipeline of so many workers."""
    batches = training_batches(
        source,
        segments=_NUM_FRAMES,
        frames_per_segment=1,
        policy="uniform",
        decode_size=_DECODE_SIZE.value,
        batch_size=_BATCH_SIZE.value,
        seed=0,
        start_step=0,
        num_steps=10**9,
        num_workers=num_workers,
    )
    return lambda: len(next(batches)["labels"])


def on_device() -> dict[str, Callable[[], int]]:
    """Returns augmentation and test-time resizing of one batch of noise."""
    size, count = _DECODE_SIZE.value, _BATCH_SIZE.value
    shape = (count, _NUM_FRAMES, size, size, 3)
    clips = jax.device_put(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    keys = jax.random.split(jax.random.key(0), count)
    train = jax.jit(augment.augment_clips, static_argnames="image_size")
    test = jax.jit(augment.resize_clips, static_argnames="image_size")

    def augmentation() -> int:
        return len(jax.block_until_ready(train(keys, clips, image_size=_IMAGE_SIZE.value)))

    def resizing() -> int:
        return len(jax.block_until_ready(test(clips, image_size=_IMAGE_SIZE.value)))

    return {"augment on device": augmentation, "resize on device": resizing}


def main(_: list[str]) -> None:
    """Measures row after row, printing each."""
    source = open_split(dataset=_DATASET.value, split=_SPLIT.value, data_dir=_DATA_DIR.value)
    device = f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores"
    print(f"{_DATASET.value} {_SPLIT.value}, {len(source)} clips, {device}; clips per second:")
    rows = {}
    for name, one in (single_core(source) | on_device()).items():
        rows[name] = clips_per_second(one, _SECONDS.value)
        print(f"{name:28} {rows[name]:8.0f}", flush=True)
    for num_workers in map(int, _WORKERS.value):
        name = f"pipeline, {num_workers} workers"
        rows[name] = clips_per_second(pipeline(source, num_workers), _SECONDS.value)
        print(f"{name:28} {rows[name]:8.0f}", flush=True)
    out = Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        flag.name: flag.value for flag in (_DATASET, _DECODE_SIZE, _IMAGE_SIZE, _BATCH_SIZE)
    }
    out.write_text(json.dumps({"device": device, **settings, "clips_per_second": rows}, indent=2))


if __name__ == "__main__":
    run(main)
