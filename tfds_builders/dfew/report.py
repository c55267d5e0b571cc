"""Sums up a DFEW build: clips per fold and class beside the published counts, and all warnings."""

import collections
from collections.abc import Sequence

from dfer_jax.errors import list_some
from dfer_jax.labels import CLASSES
from tfds_builders.dfew.clips import Clip, Listing
from tfds_builders.dfew.release import FOLDS, FRAMES_16F

EXPECTED = {
    1: (489, 379, 534, 435, 294, 29, 181),
    2: (489, 379, 534, 435, 294, 29, 181),
    3: (489, 379, 534, 435, 294, 29, 180),
    4: (489, 379, 534, 434, 294, 29, 180),
    5: (489, 378, 533, 434, 293, 29, 180),
}
"""Clips per class of each test fold in the released lists (2341, 2341, 2340, 2339, 2336)."""


def count(clips: Sequence[Clip]) -> dict[int, list[int]]:
    """Returns for each fold the number of clips of each class, in the order of `CLASSES`."""
    counts = {fold: [0] * len(CLASSES) for fold in FOLDS}
    for clip in clips:
        counts[clip.entry.fold][clip.entry.label - 1] += 1
    return counts


def count_table(clips: Sequence[Clip]) -> str:
    """Returns a table of the clips per fold and class with the published numbers beside them."""
    counts = count(clips)
    lines = ["fold       clips  expected  " + "".join(f"{name:>11}" for name in CLASSES)]
    for fold in FOLDS:
        row = counts[fold]
        lines.append(f"fd{fold}  {_row(row, EXPECTED[fold])}")
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    expected = [sum(column) for column in zip(*EXPECTED.values(), strict=True)]
    lines.append(f"all  {_row(total, expected)}")
    return "\n".join(lines)


def _row(row: Sequence[int], expected: Sequence[int]) -> str:
    cells = (
        f"{have}" if have == want else f"{have} ({want})"
        for have, want in zip(row, expected, strict=True)
    )
    return f"{sum(row):>11,}  {sum(expected):>8,}  " + "".join(f"{cell:>11}" for cell in cells)


def warning_lines(listing: Listing, *, form: str, mixed: Sequence[str]) -> list[str]:
    """Returns one warning (with its list) for each thing worth a look that does not stop the build.

    Args:
        listing: what listing the clips noticed.
        form: `full` or `f16`.
        mixed: ids of the clips whose frames differ in size.
    """
    short = [f"{c.id} ({len(c.frames)})" for c in listing.clips if len(c.frames) < FRAMES_16F]
    found = [
        ("listed clips are missing and were left out", listing.missing),
        ("clips have gaps in their frame numbers", listing.gaps),
        ("files in clip folders are no images and were left out", listing.not_frames),
        ("clips have frames of different sizes", mixed),
    ]
    if form == "f16":
        found.append(("clips have fewer than 16 frames", short))
    lines = [f"{len(items):,} {text}:\n{list_some(items)}" for text, items in found if items]
    counts = count(listing.clips)
    differing = [fold for fold in FOLDS if tuple(counts[fold]) != EXPECTED[fold]]
    if differing:
        wrong = ", ".join(
            f"fd{fold} {sum(counts[fold]):,} for {sum(EXPECTED[fold]):,}" for fold in differing
        )
        lines.append(f"clips differ from the published counts ({wrong})")
    return lines


def metadata(
    listing: Listing,
    *,
    form: str,
    extra: int,
    sizes: collections.Counter[tuple[int, int]],
    mixed: Sequence[str],
    warnings: Sequence[str],
) -> dict[str, object]:
    """Returns the facts of the build that are stored beside the data, as plain JSON.

    Args:
        listing: the clips built and what listing them noticed.
        form: `full` or `f16`.
        extra: number of clip folders that no list names.
        sizes: number of clips by (height, width) of their frames, in pixels.
        mixed: ids of the clips whose frames differ in size.
        warnings: every warning printed.
    """
    clips = listing.clips
    return {
        "form": form,
        "num_clips": len(clips),
        "num_frames": sum(len(clip.frames) for clip in clips),
        "clips_per_fold_and_class": {f"fd{fold}": row for fold, row in count(clips).items()},
        "missing_clips": listing.missing,
        "unlisted_clip_folders": extra,
        "clips_with_gaps": listing.gaps,
        "clips_below_16_frames": [c.id for c in clips if len(c.frames) < FRAMES_16F],
        "clips_by_frame_size": {f"{h}x{w}": number for (h, w), number in sizes.most_common()},
        "clips_of_mixed_size": list(mixed),
        "warnings": list(warnings),
    }
