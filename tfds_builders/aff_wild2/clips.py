"""Joins Aff-Wild2's annotations with its pictures by number; nothing is left out in silence."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dfer_jax.errors import list_some
from tfds_builders.aff_wild2 import annotations, release, tables
from tfds_builders.aff_wild2.annotations import Annotation, AnnotationError
from tfds_builders.aff_wild2.release import Release, Source
from tfds_builders.frames import Clip, Listing, list_frames
from tfds_builders.single_pass import SinglePass

FEATURES = {"expr": "expressions", "au": "action_units"}
"""Name of the feature with the labels, by track."""


@dataclasses.dataclass
class Joined:
    """What the videos of a track gave.

    Attributes:
        listing: the clips to build.
        videos: how the rows and the pictures of each met, by name.
        headers: number of files by header.
        left_out: number of files by column that is not stored.
    """

    listing: Listing = dataclasses.field(default_factory=Listing)
    videos: dict[str, tables.Meeting] = dataclasses.field(default_factory=dict)
    headers: dict[str, int] = dataclasses.field(default_factory=dict)
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)


def prepare(manual_dir: Path, *, track: str, allow_missing: bool) -> SinglePass:
    """Finds the release and reads its annotations; no image is opened yet.

    Args:
        manual_dir: the user's folder.
        track: `expr` or `au`.
        allow_missing: annotated videos may have no pictures.

    Raises:
        UserError: if the folder holds no annotations of the track, those of several editions, or no
            aligned face crops.
    """
    tree = release.walk(manual_dir, track=track)
    sources, strays = release.annotations(tree, track=track)
    folders = release.picture_folders(tree)
    joined = join(tree, sources, folders, track=track)
    listing = joined.listing
    listing.not_frames[:0] = strays
    missing = []
    if not allow_missing:
        missing += [f"video {name}: no folder of pictures" for name in listing.absent]
        missing += [f"video {name}: no picture in its folder" for name in listing.empty]
    unlisted = sorted(folders.keys() - {source.name for source in sources})
    classes = annotations.EXPRESSIONS if track == "expr" else annotations.ACTION_UNITS
    counts = tables.count(listing.clips, feature=FEATURES[track], names=classes)
    return SinglePass(
        release=f"Aff-Wild2 ({track})",
        tree=tree,
        listing=listing,
        splits=release.SPLITS,
        tables=(tables.count_table(counts), tables.meeting_table(joined.videos, listing.clips)),
        missing=missing,
        warnings=_warnings(joined, sources, unlisted, tree),
        facts={
            "annotations": ", ".join(map(tree.relative, tree.tracks)),
            "headers": joined.headers,
            "columns_left_out": joined.left_out,
            "frames_per_split": counts,
            "videos": {name: vars(meeting) for name, meeting in joined.videos.items()},
            "picture_folders_without_annotation": unlisted,
            "stray_files": len(listing.not_frames),
            "hidden_files": tree.hidden,
        },
    )


def join(
    tree: Release, sources: Sequence[Source], folders: Mapping[str, Path], *, track: str
) -> Joined:
    """Reads every annotation file and lists its pictures; what is wrong joins `tree.problems`.

    Args:
        tree: the walked release.
        sources: the annotation files.
        folders: folder of pictures by name.
        track: `expr` or `au`.
    """
    joined = Joined()
    for source in tqdm(sources, desc="listing pictures", unit=" videos", leave=False):
        try:
            annotation = annotations.read(source.path, track=track)
        except AnnotationError as error:
            tree.problems.append(f"{tree.relative(source.path)}: {error}")
            continue
        _tally(joined.headers, ",".join(annotation.header))
        for name in annotation.left_out:
            _tally(joined.left_out, name)
        if source.name not in folders:
            joined.listing.absent.append(source.name)
            continue
        names = list_frames(folders[source.name], source.name, tree=tree, listing=joined.listing)
        numbers = _numbers(names, folders[source.name], tree)
        if not names:
            joined.listing.empty.append(source.name)
            continue
        joined.videos[source.name] = tables.Meeting.of(annotation, numbers)
        joined.listing.clips.append(
            Clip(
                id=source.name,
                split=source.split,
                label=None,
                path=folders[source.name],
                frames=names,
                features=_features(source, annotation, numbers, track),
            )
        )
    return joined


def _tally(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _numbers(names: Sequence[str], folder: Path, tree: Release) -> np.ndarray:
    """Returns int32 `[frames]`; a name that is more than a number from 1 is a problem."""
    numbers = []
    for name in names:
        stem = Path(name).stem
        if stem.isdecimal() and int(stem) > 0:
            numbers.append(int(stem))
        else:
            tree.problems.append(
                f"{tree.relative(folder)}/{name}: pictures are named by their number from 1 alone, "
                "as 00001.jpg"
            )
    return np.array(numbers, np.int32)


def _features(
    source: Source, annotation: Annotation, numbers: np.ndarray, track: str
) -> dict[str, object]:
    """Returns what an example holds besides its frames: labels by the number of the picture."""
    has_row = numbers <= len(annotation.labels)
    labels = np.full(
        (len(numbers), *annotation.labels.shape[1:]), annotations.UNKNOWN, annotation.labels.dtype
    )
    labels[has_row] = annotation.labels[numbers[has_row] - 1]
    valid = np.zeros(len(numbers), bool)
    valid[has_row] = annotation.valid[numbers[has_row] - 1]
    return {
        "group": source.video,
        "subject": source.subject,
        "frame_numbers": numbers,
        FEATURES[track]: labels,
        "valid": valid,
        "num_rows": len(annotation.labels),
    }


def _warnings(
    joined: Joined, sources: Sequence[Source], unlisted: Sequence[str], tree: Release
) -> list[str]:
    """Returns what is worth a look, each with its list."""
    sides: dict[str, set[str]] = {}
    for source in sources:
        sides.setdefault(source.video, set()).add(source.split)
    both = sorted(video for video, splits in sides.items() if len(splits) > 1)
    headers = [f"{header} ({files:,} files)" for header, files in joined.headers.items()]
    columns = [f"{name} ({files:,} files)" for name, files in joined.left_out.items()]
    found = [
        ("videos have one face in each split", both),
        ("headers differ, names are joined", headers if len(headers) > 1 else []),
        ("annotated units have no column here and were left out", columns),
        ("folders of pictures have no annotation and were left out", unlisted),
        *tables.meeting_warnings(joined.videos),
    ]
    lines = [f"{len(items):,} {text}:\n{list_some(items)}" for text, items in found if items]
    if tree.hidden:
        lines.append(
            f"{tree.hidden:,} hidden files among annotations and pictures were passed over"
        )
    return lines
