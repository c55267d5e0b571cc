"""Do the builders of RAVDESS, CREMA-D and MAFW keep every frame of every real clip, in any layout?

Writes a tree shaped like the release with all of its clip names, builds it, reads everything back
and checks clip id, label, split, group and every frame's number by its pixels, and that no actor is
in two folds. RAVDESS's and CREMA-D's names follow from a rule; MAFW's list has the columns id,
label, fold, frames, compound, compound_fold and is not part of this repository.

    python -m benchmarks.proofs.build_labelled_trees ravdess/all SCRATCH --layout archives
    python -m benchmarks.proofs.build_labelled_trees mafw/seven TMP --layout faces --clips L.csv.gz
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from benchmarks.proofs import tree_proof
from benchmarks.proofs.tree_proof import timed

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the tree writers are the tests' own
from release_trees import cremad, mafw, ravdess
from release_trees.named import Codes

from tfds_builders.cremad import names as cremad_names
from tfds_builders.mafw import labels as mafw_labels
from tfds_builders.ravdess import clips as ravdess_clips
from tfds_builders.ravdess import names as ravdess_names


def ravdess_tree(root: Path, config: str, *, layout: str) -> dict[str, list[dict]]:
    """Writes every trial with sound and without; returns by fold what must come back."""
    for trial in ravdess_names.PUBLISHED:
        for modality in (1, 2):
            ravdess.write(root, trial, modality, layout=layout)
    trials = sorted(
        t for t in ravdess_names.PUBLISHED if t.channel in ravdess_clips.CONFIGS[config]
    )
    return {
        split: [
            {"id": t.name(2), "label": t.label, "group": f"{t.actor:02d}", "frames": 3}
            for t in trials
            if t.split == split
        ]
        for split in ravdess_names.FOLDS
    }


def cremad_tree(root: Path, config: str, *, layout: str) -> dict[str, list[dict]]:
    """Writes every clip and, for `seen`, votes; returns by fold what must come back."""
    takes = sorted(cremad_names.PUBLISHED, key=lambda take: take.id)
    for take in takes:
        cremad.write(root, take, layout=layout)
    letters = [("A", "N", "H:S")[number % 3] for number in range(len(takes))]
    cremad.write_votes(root, {t.id: x for t, x in zip(takes, letters, strict=True)})
    cremad.write_actors(root, cremad_names.ACTORS)
    seen = {"A": "anger", "N": "neutral"}
    labels = {
        t.id: t.asked if config == "asked" else seen.get(x)
        for t, x in zip(takes, letters, strict=True)
    }
    return {
        split: [
            {"id": t.id, "label": labels[t.id], "group": str(t.actor), "frames": 3}
            for t in takes
            if t.split == split and labels[t.id] and t.id not in cremad_names.BROKEN
        ]
        for split in cremad_names.FOLDS
    }


def mafw_tree(
    root: Path, config: str, *, layout: str, rows: list[dict], most_frames: int | None
) -> dict[str, list[dict]]:
    """Writes every clip of the list and the lists; returns by fold what must come back."""
    mafw.codes = Codes([row["id"] for row in rows])
    clips = [
        mafw.Clip(
            int(row["id"]),
            min(int(row["frames"]), most_frames or int(row["frames"])),
            row["label"],
            int(row["fold"]),
            row["compound"],
            int(row["compound_fold"] or 0),
        )
        for row in rows
    ]
    mafw.write_clips(root, clips, layout=layout)
    mafw.write_lists(root, clips, layout=layout if layout in mafw.LAYOUTS else "release")
    kind = config.removesuffix("_clips")
    found: dict[str, list[dict]] = {f"fd{fold}": [] for fold in range(1, 6)}
    for clip in clips:
        label, fold = clip.label, clip.fold
        if kind == "compound":
            label, fold = clip.compound, clip.compound_fold
        if label in mafw_labels.KINDS[kind]:
            found[f"fd{fold}"].append({"id": clip.id, "label": label, "frames": clip.frames})
    return found


def main() -> None:
    """Writes, builds, verifies, prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="data set and configuration, as cremad/asked")
    parser.add_argument("scratch", type=Path, help="folder for the tree and the data set")
    parser.add_argument("--layout", required=True, help="of tests/release_trees")
    parser.add_argument("--clips", type=Path, help="MAFW's list")
    parser.add_argument("--frames_per_clip", type=int, help="MAFW: cap; else the true numbers")
    args = parser.parse_args()

    dataset, _, config = args.name.partition("/")
    tree, data = args.scratch / "tree", args.scratch / "data"
    write = {"ravdess": ravdess_tree, "cremad": cremad_tree, "mafw": mafw_tree}[dataset]
    more = {}
    if dataset == "mafw":
        more = {"rows": tree_proof.read_rows(args.clips), "most_frames": args.frames_per_clip}
    try:
        wanted, write_s = timed(write, tree, config, layout=args.layout, **more)
        figures = {"name": args.name, "layout": args.layout, "write_s": write_s}
        builder, built = tree_proof.measure_build(args.name, tree=tree, data=data)
        figures |= built
        codes = {"ravdess": ravdess, "cremad": cremad, "mafw": mafw}[dataset].codes
        video = args.layout != "crops" and (dataset != "mafw" or args.layout in mafw.VIDEOS)
        classes = builder.info.features["label"].names
        figures["verified"], figures["verify_s"] = timed(
            tree_proof.verify,
            builder,
            wanted,
            facts=lambda clip: {
                "clip_id": clip["id"].encode(),
                "label": classes.index(clip["label"]),
                "num_frames": clip["frames"],
                **({"group": clip["group"].encode()} if "group" in clip else {}),
            },
            frames=lambda clip: [(clip["id"], n) for n in range(1, clip["frames"] + 1)],
            decode=lambda frame: codes.read([frame], video=video)[0],
        )
        groups = {
            split: {c["group"] for c in clips if "group" in c} for split, clips in wanted.items()
        }
        if sum(map(len, groups.values())) != len(set().union(*groups.values())):
            raise SystemExit("an actor is in two folds")
        print(json.dumps(figures))
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
