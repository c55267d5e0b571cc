"""Does the FERV39k builder keep every frame, and how fast is it, at the size of the real release?

Writes a tree shaped like the release from a list of clips, builds it, reads everything back and
checks clip id, label, scene, split and every frame's number by its pixels; times the opening of the
built data set. Deletes the tree afterwards.

    python -m benchmarks.proofs.build_ferv39k_tree clips.csv.gz SCRATCH --each_scene

The list has the columns scene, class, clip, frames, split; it is not part of this repository.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from benchmarks.proofs import tree_proof
from benchmarks.proofs.tree_proof import timed
from dfer_jax.data.source import clip_index, open_split

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the tree writer is the tests' fixture
import ferv39k_tree
from ferv39k_tree import SCENES, WORDS

SPLITS = ("train", "test")


def read_clips(path: Path, *, most_frames: int | None) -> list[ferv39k_tree.Clip]:
    """Reads the list of clips, their frame counts capped at `most_frames`."""
    return [
        ferv39k_tree.Clip(
            row["scene"],
            row["class"],
            int(row["clip"]),
            min(int(row["frames"]), most_frames or int(row["frames"])),
            row["split"],
        )
        for row in tree_proof.read_rows(path)
    ]


def verify(builder, clips: list[ferv39k_tree.Clip]) -> tuple[int, int]:
    """Checks every clip of both splits; returns how many clips and frames were compared."""
    by_id = sorted(clips, key=lambda clip: clip.id)
    return tree_proof.verify(
        builder,
        {split: [clip for clip in by_id if clip.split == split] for split in SPLITS},
        facts=lambda clip: {
            "clip_id": clip.id.encode(),
            "label": WORDS.index(clip.word),
            "scene": SCENES.index(clip.scene),
            "num_frames": clip.frames,
        },
        frames=lambda clip: [(clip.id, number) for number in range(clip.frames)],
        decode=ferv39k_tree.decode,
    )


def build_each_scene(clips: list[ferv39k_tree.Clip], *, tree: Path, data: Path) -> dict[str, int]:
    """Builds and checks all 22 configurations of one scene; returns what they hold together."""
    total = {"clips": 0, "frames": 0}
    for scene in SCENES:
        builder, _ = tree_proof.measure_build(f"ferv39k/{scene}", tree=tree, data=data)
        num_clips, num_frames = verify(builder, [clip for clip in clips if clip.scene == scene])
        total["clips"] += num_clips
        total["frames"] += num_frames
    return total


def time_opening(data: Path) -> dict[str, float]:
    """Returns the seconds that opening a split, and listing its clips, take."""
    figures = {}
    for split in SPLITS:
        source, figures[f"open_{split}_s"] = timed(
            open_split, dataset="ferv39k/all_scenes", split=split, data_dir=str(data)
        )
        _, figures[f"index_{split}_s"] = timed(clip_index, source)
    return figures


def main() -> None:
    """Writes, builds, verifies, prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path, help="CSV(.gz) with scene, class, clip, frames, split")
    parser.add_argument("scratch", type=Path, help="folder for the tree and the dataset")
    parser.add_argument("--layout", choices=ferv39k_tree.LAYOUTS, default="release")
    parser.add_argument("--frames_per_clip", type=int, help="cap; the true numbers if not given")
    parser.add_argument("--side", type=int, help="pixels of textured frames; 32x48 if not given")
    parser.add_argument("--kill_after_s", type=float, help="first kill a build after this long")
    parser.add_argument("--each_scene", action="store_true", help="also build every scene alone")
    args = parser.parse_args()

    clips = read_clips(args.clips, most_frames=args.frames_per_clip)
    tree, data = args.scratch / "tree", args.scratch / "data"
    figures: dict[str, object] = {"name": "ferv39k/all_scenes", "layout": args.layout}
    background = tree_proof.texture(args.side) if args.side else None
    try:
        _, figures["write_s"] = timed(
            ferv39k_tree.write_tree, tree, clips, layout=args.layout, background=background
        )
        if args.kill_after_s:
            figures["left_by_kill"] = tree_proof.kill_a_build(
                "ferv39k/all_scenes", tree=tree, data=data, after_s=args.kill_after_s
            )
        builder, built = tree_proof.measure_build("ferv39k/all_scenes", tree=tree, data=data)
        figures |= built
        figures["verified"], figures["verify_s"] = timed(verify, builder, clips)
        figures |= time_opening(data)
        if args.each_scene:
            figures["each_scene"] = build_each_scene(clips, tree=tree, data=data)
        print(json.dumps(figures))
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
