"""Counts what was joined: frames by label and split, and rows that met no picture or reverse."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfds_builders.aff_wild2.annotations import Annotation
from tfds_builders.aff_wild2.release import SPLITS
from tfds_builders.frames import Clip


@dataclasses.dataclass(frozen=True)
class Meeting:
    """How the rows and the pictures of one video met.

    Attributes:
        rows: of the annotation file.
        pictures: in the folder.
        rows_without_picture: no face was found in these frames.
        valid_rows_without_picture: those of them that are annotated: labels that nothing shows.
        pictures_without_row: kept, without label.
        valid: pictures with a complete label.
    """

    rows: int
    pictures: int
    rows_without_picture: int
    valid_rows_without_picture: int
    pictures_without_row: int
    valid: int

    @classmethod
    def of(cls, annotation: Annotation, numbers: np.ndarray) -> "Meeting":
        """Counts for an annotation and the numbers `[frames]` of the pictures, from 1."""
        rows = len(annotation.valid)
        met = numbers[numbers <= rows] - 1
        bare = np.ones(rows, bool)
        bare[met] = False
        return cls(
            rows=rows,
            pictures=len(numbers),
            rows_without_picture=int(bare.sum()),
            valid_rows_without_picture=int((bare & annotation.valid).sum()),
            pictures_without_row=len(numbers) - len(met),
            valid=int(annotation.valid[met].sum()),
        )


def meeting_warnings(videos: Mapping[str, Meeting]) -> list[tuple[str, list[str]]]:
    """Returns what did not meet, as texts to be counted, each with the videos concerned."""
    holes = [
        f"{name} ({video.rows_without_picture:,} of {video.rows:,} rows, "
        f"{video.valid_rows_without_picture:,} of them annotated)"
        for name, video in videos.items()
        if video.rows_without_picture
    ]
    tails = [
        f"{name} ({video.pictures_without_row:,} of {video.pictures:,} pictures)"
        for name, video in videos.items()
        if video.pictures_without_row
    ]
    bare = [name for name, video in videos.items() if not video.valid]
    return [
        ("videos have rows without picture, which cannot be stored", holes),
        ("videos have pictures without row, stored without label", tails),
        ("videos have no annotated picture at all", bare),
    ]


def meeting_table(videos: Mapping[str, Meeting], clips: Iterable[Clip]) -> str:
    """Returns a table of `Meeting`, summed by split."""
    fields = [field.name for field in dataclasses.fields(Meeting)]
    rows = [["split", *(name.replace("_", " ") for name in fields)]]
    split_of = {clip.id: clip.split for clip in clips}
    for split in SPLITS:
        own = [video for name, video in videos.items() if split_of[name] == split]
        rows.append([split, *(f"{sum(getattr(v, name) for v in own):,}" for name in fields)])
    return _aligned(rows)


def count(
    clips: Sequence[Clip], *, feature: str, names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Returns for each split the videos, pictures, annotated pictures, and those of each name.

    Args:
        clips: with the features of an example.
        feature: the one with the labels: `[frames]` of places in `names`, or `[frames, names]`.
        names: of the classes, or of the units, of which frames that show them are counted.
    """
    counts = {}
    for split in SPLITS:
        own = [clip for clip in clips if clip.split == split]
        shown = np.zeros(len(names), np.int64)
        for clip in own:
            labels = clip.features[feature]
            if labels.ndim == 1:
                shown += np.bincount(labels[labels >= 0], minlength=len(names))
            else:
                shown += (labels == 1).sum(axis=0)
        counts[split] = {
            "videos": len(own),
            "frames": sum(len(clip.frames) for clip in own),
            "annotated": int(sum(clip.features["valid"].sum() for clip in own)),
            **dict(zip(names, shown.tolist(), strict=True)),
        }
    return counts


def count_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Returns what `count` counted as a table."""
    head = next(iter(counts.values())).keys()
    rows = [["split", *head]]
    rows += [[split, *(f"{number:,}" for number in row.values())] for split, row in counts.items()]
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{name:<{widths[0]}}"
        + "".join(f"{cell:>{width + 2}}" for cell, width in zip(cells, widths[1:], strict=True))
        for name, *cells in rows
    )
