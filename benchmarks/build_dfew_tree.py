"""Does the DFEW builder keep every frame, and how fast is it, at the size of the real release?

Writes a tree shaped like the release from a list of clips, builds it, reads everything back and
checks clip id, label, fold and every frame's number by its pixels. Deletes the tree afterwards.

    python benchmarks/build_dfew_tree.py clips.csv.gz SCRATCH --layout drive --frames_per_clip 2

The list has the columns id, frames, label (1..7), fold (1..5); it is not part of this repository.
"""

import argparse
import csv
import gzip
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import tensorflow_datasets as tfds

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the tree writer is the tests' fixture
import dfew_tree

from tfds_builders.dfew.dfew_dataset_builder import Builder

NUM_UNLISTED = 4209
"""Clip folders of the release that no list names: 15,906 - 11,697."""


def read_clips(path: Path, *, most_frames: int | None) -> list[dfew_tree.Clip]:
    """Reads the list of clips, their frame counts capped at `most_frames`."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        rows = [{name: int(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [
        dfew_tree.Clip(
            row["id"], min(row["frames"], most_frames or row["frames"]), row["label"], row["fold"]
        )
        for row in rows
    ]


def texture(side: int) -> np.ndarray:
    """Returns smooth random colours [side, side, 3] that compress about as a face crop does."""
    noise = np.random.default_rng(0).normal(size=(side, side, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), side / 40)
    return (smooth / smooth.std() * 40 + noise * 3 + 128).clip(0, 255).astype(np.uint8)


def write_unlisted(root: Path, clips: list[dfew_tree.Clip], *, layout: str, form: str) -> int:
    """Adds as many clip folders outside the lists as the release has; returns their number."""
    absent = sorted(set(range(1, 16373)) - {clip.id for clip in clips})[:NUM_UNLISTED]
    for clip in absent:
        folder = dfew_tree.clip_folder(root, clip, layout=layout, form=form)
        dfew_tree.write_frames(folder, clip, 16 if form == "f16" else 1, form=form)
    return len(absent)


def verify(builder: Builder, clips: list[dfew_tree.Clip], *, form: str) -> tuple[int, int]:
    """Checks every clip of every fold; returns how many clips and frames were compared."""
    num_clips = num_frames = 0
    for fold in range(1, 6):
        expected = sorted((clip for clip in clips if clip.fold == fold), key=lambda clip: clip.id)
        source = builder.as_data_source(split=f"fd{fold}")
        if len(source) != len(expected):
            raise SystemExit(f"fd{fold} has {len(source)} clips, not {len(expected)}")
        for index, clip in enumerate(expected):
            example = source[index]
            frames = 16 if form == "f16" else clip.frames
            got = [dfew_tree.decode(frame) for frame in example["frames"]]
            facts = (example["clip_id"].decode(), example["label"], example["num_frames"])
            if facts != (f"{clip.id:05d}", clip.label - 1, frames):
                raise SystemExit(f"clip {clip.id} of fd{fold} came back as {facts}")
            if got != [(clip.id, number) for number in range(1, frames + 1)]:
                raise SystemExit(f"clip {clip.id} of fd{fold} has other frames: {got}")
            num_clips += 1
            num_frames += frames
    return num_clips, num_frames


def timed(function: Callable, *args, **kwargs) -> tuple[object, float]:
    """Returns what a function returns and the seconds it took."""
    start = time.perf_counter()
    return function(*args, **kwargs), round(time.perf_counter() - start, 1)


def main() -> None:
    """Writes, builds, verifies, prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path, help="CSV or CSV.gz with id, frames, label, fold")
    parser.add_argument("scratch", type=Path, help="folder for the tree and the dataset")
    parser.add_argument("--layout", choices=dfew_tree.LAYOUTS, default="release")
    parser.add_argument("--form", choices=("full", "f16"), default="full")
    parser.add_argument("--frames_per_clip", type=int, help="cap; the true numbers if not given")
    parser.add_argument("--side", type=int, help="pixels of textured frames; 32x48 if not given")
    args = parser.parse_args()

    clips = read_clips(args.clips, most_frames=args.frames_per_clip)
    tree, data = args.scratch / "tree", args.scratch / "data"
    background = texture(args.side) if args.side else None
    try:
        _, write_s = timed(
            dfew_tree.write_tree,
            tree,
            clips,
            layout=args.layout,
            form=args.form,
            background=background,
        )
        unlisted = write_unlisted(tree, clips, layout=args.layout, form=args.form)
        before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        builder = Builder(config=args.form, data_dir=data)
        config = tfds.download.DownloadConfig(manual_dir=tree)
        _, build_s = timed(builder.download_and_prepare, download_config=config)
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        (num_clips, num_frames), verify_s = timed(verify, builder, clips, form=args.form)
        figures = {
            "layout": args.layout,
            "form": args.form,
            "clips": num_clips,
            "frames": num_frames,
            "clips_per_fold": {
                name: split.num_examples for name, split in builder.info.splits.items()
            },
            "unlisted": [unlisted, builder.info.metadata["unlisted_clip_folders"]],
            "bytes": sum(split.num_bytes for split in builder.info.splits.values()),
            "write_s": write_s,
            "build_s": build_s,
            "frames_per_s": round(num_frames / build_s),
            "rss_before_mib": round(before_mib),
            "rss_peak_mib": round(peak_mib),
            "verify_s": verify_s,
        }
        print(json.dumps(figures))
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
