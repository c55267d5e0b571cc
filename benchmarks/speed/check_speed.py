"""How long does `dfer_jax.data.check` take on a download of DFEW's size, and how much memory?

Writes a tree shaped like the release from a list of clips, one picture of 224 x 224 for all frames
of a clip, checks it in a process of its own, and prints one JSON line. Deletes the tree afterwards.

    python -m benchmarks.speed.check_speed clips.csv.gz SCRATCH --thorough

The list has the columns id, frames, label (1..7), fold (1..5); it is not part of this repository.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.proofs.build_dfew_tree import NUM_UNLISTED, read_clips

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the tree writer is the tests' fixture
import damaged_dfew
import dfew_tree


def write_tree(root: Path, clips: list[dfew_tree.Clip]) -> int:
    """Writes all clips, and as many outside the lists as the release has; returns the bytes."""
    absent = sorted(set(range(1, 16373)) - {clip.id for clip in clips})[: NUM_UNLISTED["full"]]
    num_bytes = 0
    for clip in [*clips, *(dfew_tree.Clip(number, 1, 1, 1) for number in absent)]:
        folder = dfew_tree.clip_folder(root, clip.id)
        folder.mkdir(parents=True)
        data = damaged_dfew.encode(damaged_dfew.picture(clip.id, 1, side=224), quality=95)
        for number in range(1, clip.frames + 1):
            (folder / dfew_tree.frame_name(clip.id, number)).write_bytes(data)
        num_bytes += clip.frames * len(data)
    dfew_tree.write_lists(root, clips)
    return num_bytes


def check(root: Path, *, thorough: bool, processes: int | None) -> dict[str, object]:
    """Checks the tree; returns what the report says and what it took."""
    command = [sys.executable, "-m", "dfer_jax.data.check", "dfew/full", "--json", "-"]
    command += ["--manual_dir", str(root), f"--thorough={thorough}"]
    command += [f"--num_processes={processes}"] * bool(processes)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "verdict": told["verdict"],
        "frames": told["frames"]["num_frames"],
        "near_duplicates": len(told["near_duplicates"]),
        "mode": told["mode"],
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "rss_of_the_largest_process_mib": round(after.ru_maxrss / 1024),
    }


def main() -> None:
    """Writes, checks, prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path, help="CSV or CSV.gz with id, frames, label, fold")
    parser.add_argument("scratch", type=Path, help="folder for the tree")
    parser.add_argument("--frames_per_clip", type=int, help="cap; the true numbers if not given")
    parser.add_argument("--thorough", action="store_true", help="decode every frame")
    parser.add_argument("--processes", type=int, help="that check; all cores if not given")
    args = parser.parse_args()

    tree = args.scratch / "tree"
    try:
        num_bytes = write_tree(tree, read_clips(args.clips, most_frames=args.frames_per_clip))
        figures = check(tree, thorough=args.thorough, processes=args.processes)
        print(json.dumps(figures | {"bytes": num_bytes}))
    finally:
        shutil.rmtree(tree, ignore_errors=True)


if __name__ == "__main__":
    main()
