"""What the proofs that a builder keeps every frame of a release have in common.

A tree shaped like the release is written, every frame of it saying in pixels which clip and frame
it is; it is built, optionally after a build that was killed; everything is read back and compared.
"""

import csv
import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import tensorflow_datasets as tfds

from benchmarks.peak_memory import peak_bytes
from tfds_builders import build


def read_rows(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV or CSV.gz with a header."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        return list(csv.DictReader(file))


def texture(side: int) -> np.ndarray:
    """Returns smooth random colours [side, side, 3] that compress about as a face crop does."""
    noise = np.random.default_rng(0).normal(size=(side, side, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), side / 40)
    return (smooth / smooth.std() * 40 + noise * 3 + 128).clip(0, 255).astype(np.uint8)


def timed(function: Callable, *args, **kwargs) -> tuple[object, float]:
    """Returns what a function returns and the seconds it took."""
    start = time.perf_counter()
    return function(*args, **kwargs), round(time.perf_counter() - start, 2)


def kill_a_build(full_name: str, *, tree: Path, data: Path, after_s: float) -> list[str]:
    """Starts a build as a user does, kills it outright, and returns what it left, by name."""
    command = [sys.executable, "-m", "tfds_builders.build", full_name]
    command += [f"--manual_dir={tree}", f"--data_dir={data}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    if process.poll() is not None:
        raise SystemExit(f"the build ended within {after_s} s, before it could be killed")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return sorted(path.name for path in (data / full_name).iterdir())


def measure_build(
    full_name: str, *, tree: Path, data: Path
) -> tuple[tfds.core.DatasetBuilder, dict[str, object]]:
    """Builds, and returns the builder with sizes, seconds and memory."""
    before_mib = peak_bytes() / 2**20
    (builder, built), build_s = timed(
        build.build, full_name, data_dir=str(data), manual_dir=str(tree)
    )
    if not built:
        raise SystemExit(f"{full_name} is in {data} already: give an empty scratch folder")
    peak_mib = peak_bytes() / 2**20
    splits = builder.info.splits
    return builder, {
        "clips": {name: split.num_examples for name, split in splits.items()},
        "frames": builder.info.metadata["num_frames"],
        "bytes": sum(split.num_bytes for split in splits.values()),
        "build_s": build_s,
        "frames_per_s": round(builder.info.metadata["num_frames"] / build_s),
        "rss_before_mib": round(before_mib),
        "rss_peak_mib": round(peak_mib),
        "left_in_data_dir": sorted(path.name for path in Path(builder.data_path).parent.iterdir()),
    }


def verify(
    builder: tfds.core.DatasetBuilder,
    clips: Mapping[str, Sequence[object]],
    *,
    facts: Callable[[object], Mapping[str, object]],
    frames: Callable[[object], Iterable[object]],
    decode: Callable[[np.ndarray], object],
) -> tuple[int, int]:
    """Compares every clip of every split, in order; returns how many clips and frames those are.

    Args:
        builder: of a built data set.
        clips: by split, in the order they must come in.
        facts: features that a clip's example must have; text as bytes, arrays as lists.
        frames: what `decode` must return for a clip's frames.
        decode: reads from a frame's pixels which it is.
    """
    num_clips = num_frames = 0
    for split, expected in clips.items():
        source = builder.as_data_source(split=split)
        if len(source) != len(expected):
            raise SystemExit(f"{split} has {len(source)} clips, not {len(expected)}")
        for index, clip in enumerate(expected):
            example = source[index]
            wanted, want_frames = facts(clip), list(frames(clip))
            got = {name: np.asarray(example[name]).tolist() for name in wanted}
            got_frames = [decode(frame) for frame in example["frames"]]
            if got != wanted:
                raise SystemExit(f"clip {index} of {split} came back as {got}, not {wanted}")
            if got_frames != want_frames:
                raise SystemExit(f"{wanted} of {split} has other frames: {got_frames}")
            num_clips += 1
            num_frames += len(got_frames)
    return num_clips, num_frames
