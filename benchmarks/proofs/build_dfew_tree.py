"""Does the DFEW builder keep every frame, and how fast is it, at the size of the real release?

Writes a tree shaped like the release from a list of clips, with a sheet of votes, builds it, reads
everything back and checks clip id, label, fold, votes, and every frame's clip and number by its
pixels. Deletes the tree afterwards.

    python -m benchmarks.proofs.build_dfew_tree clips.csv.gz SCRATCH --layout drive

The list has the columns id, frames, label (1..7), fold (1..5); it is not part of this repository.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from benchmarks.proofs import tree_proof
from benchmarks.proofs.tree_proof import timed

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the tree writer is the tests' fixture
import dfew_tree

NUM_UNLISTED = {"full": 4209, "f16": 4209, "original": 4675}
"""Clips of the release that no list names: 15,906, or 16,372 videos, less the 11,697 listed."""


def read_clips(path: Path, *, most_frames: int | None) -> list[dfew_tree.Clip]:
    """Reads the list of clips, their frame counts capped at `most_frames`."""
    rows = [{name: int(row[name]) for name in row} for row in tree_proof.read_rows(path)]
    return [
        dfew_tree.Clip(
            row["id"], min(row["frames"], most_frames or row["frames"]), row["label"], row["fold"]
        )
        for row in rows
    ]


def write_unlisted(root: Path, clips: list[dfew_tree.Clip], *, layout: str, form: str) -> int:
    """Adds as many clips outside the lists as the release has; returns their number."""
    absent = sorted(set(range(1, 16373)) - {clip.id for clip in clips})[: NUM_UNLISTED[form]]
    for clip in absent:
        if form == "original":
            dfew_tree.write_video(dfew_tree.video_path(root, clip, layout=layout), clip, 1)
            continue
        folder = dfew_tree.clip_folder(root, clip, layout=layout, form=form)
        dfew_tree.write_frames(folder, clip, 16 if form == "f16" else 1, form=form)
    return len(absent)


def write_sheet(root: Path, clips: list[dfew_tree.Clip]) -> None:
    """Writes votes for all 16,372 clips of the release; those of no list have no label."""
    listed = {clip.id: dfew_tree.vote_row(clip) for clip in clips}
    rows = [listed.get(clip, [5, 5, 0, 0, 0, 0, 0, clip, 0]) for clip in range(1, 16373)]
    dfew_tree.write_votes(root / "Annotation" / "annotation.xlsx", rows)


def verify(builder, clips: list[dfew_tree.Clip], *, form: str) -> tuple[int, int]:
    """Checks every clip of every fold; returns how many clips and frames were compared."""

    def length(clip: dfew_tree.Clip) -> int:
        return 16 if form == "f16" else clip.frames

    by_id = sorted(clips, key=lambda clip: clip.id)
    return tree_proof.verify(
        builder,
        {f"fd{fold}": [clip for clip in by_id if clip.fold == fold] for fold in range(1, 6)},
        facts=lambda clip: {
            "clip_id": f"{clip.id:05d}".encode(),
            "label": clip.label - 1,
            "num_frames": length(clip),
            "votes": dfew_tree.votes_of(clip.id, clip.label),
        },
        frames=lambda clip: [(clip.id, number) for number in range(1, length(clip) + 1)],
        decode=dfew_tree.decode_video_frame if form == "original" else dfew_tree.decode,
    )


def main() -> None:
    """Writes, builds, verifies, prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path, help="CSV or CSV.gz with id, frames, label, fold")
    parser.add_argument("scratch", type=Path, help="folder for the tree and the dataset")
    parser.add_argument("--layout", choices=dfew_tree.LAYOUTS, default="release")
    parser.add_argument("--form", choices=("full", "f16", "original"), default="full")
    parser.add_argument("--frames_per_clip", type=int, help="cap; the true numbers if not given")
    parser.add_argument(
        "--side", type=int, help="pixels of textured face frames; 32x48 if not given"
    )
    parser.add_argument("--kill_after_s", type=float, help="first kill a build after this long")
    args = parser.parse_args()

    name = f"dfew/{args.form}"
    clips = read_clips(args.clips, most_frames=args.frames_per_clip)
    tree, data = args.scratch / "tree", args.scratch / "data"
    figures: dict[str, object] = {"name": name, "layout": args.layout}
    layout = {"layout": args.layout, "form": args.form}
    background = tree_proof.texture(args.side) if args.side else None
    try:
        _, figures["write_s"] = timed(
            dfew_tree.write_tree, tree, clips, background=background, **layout
        )
        unlisted = write_unlisted(tree, clips, **layout)
        write_sheet(tree, clips)
        if args.kill_after_s:
            figures["left_by_kill"] = tree_proof.kill_a_build(
                name, tree=tree, data=data, after_s=args.kill_after_s
            )
        builder, built = tree_proof.measure_build(name, tree=tree, data=data)
        figures |= built
        figures["unlisted"] = [unlisted, builder.info.metadata["unlisted_clips"]]
        figures["verified"], figures["verify_s"] = timed(verify, builder, clips, form=args.form)
        print(json.dumps(figures))
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
