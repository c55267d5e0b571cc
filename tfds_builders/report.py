"""Sums up a build: clips per split and class beside the published counts, and all warnings."""

from collections.abc import Iterable, Mapping, Sequence

from dfer_jax.errors import list_some
from tfds_builders.frames import Clip
from tfds_builders.single_pass import SinglePass

_MOST_COLUMNS = 12  # classes that fit beside each other on a wide screen


def count(
    clips: Iterable[Clip], splits: Sequence[str], *, classes: Sequence[str]
) -> dict[str, list[int]]:
    """Returns for each split the number of clips of each class, in the order of `classes`."""
    place = {name: index for index, name in enumerate(classes)}
    counts = {split: [0] * len(classes) for split in splits}
    for clip in clips:
        counts[clip.split][place[clip.label]] += 1
    return counts


def count_table(
    counts: Mapping[str, Sequence[int]],
    expected: Mapping[str, Sequence[int]],
    *,
    classes: Sequence[str],
) -> str:
    """Returns a table of the clips per split and class, the published number in brackets.

    Splits are lines and classes columns, the other way round where there are many classes.

    Args:
        counts: what `count` returns.
        expected: published numbers by split, or empty.
        classes: their names.
    """
    if len(classes) > _MOST_COLUMNS:
        return _long_table(counts, expected, classes=classes)
    head = f"{'split':<10} {'clips':>7}" + f"{'expected':>10}" * bool(expected)
    widths = [max(14, len(name) + 2) for name in classes]
    lines = [head + "".join(f"{name:>{w}}" for name, w in zip(classes, widths, strict=True))]
    rows = {split: (row, expected.get(split, ())) for split, row in counts.items()}
    rows["all"] = (_columns(counts.values()), _columns(expected.values()))
    for split, (row, published) in rows.items():
        line = f"{split:<10} {sum(row):>7,}" + f"{sum(published):>10,}" * bool(expected)
        cells = zip(_cells(row, published), widths, strict=True)
        lines.append(line + "".join(f"{cell:>{width}}" for cell, width in cells))
    return "\n".join(lines)


def _long_table(
    counts: Mapping[str, Sequence[int]],
    expected: Mapping[str, Sequence[int]],
    *,
    classes: Sequence[str],
) -> str:
    """Returns a line for each class, a column for each split."""
    wide = max(map(len, classes))
    rows = {"all": _columns(counts.values()), **counts}
    published = {"all": _columns(expected.values()), **expected}
    cells = [_cells(rows[split], published.get(split, ())) for split in rows]
    totals = [_cells([sum(row)], [sum(published[name])] if expected else ())
              for name, row in rows.items()]  # fmt: skip
    columns = [[*total, *column] for total, column in zip(totals, cells, strict=True)]
    lines = [f"{'class':<{wide}}" + "".join(f"{split:>16}" for split in rows)]
    for name, *line in zip(("all", *classes), *columns, strict=True):
        lines.append(f"{name:<{wide}}" + "".join(f"{cell:>16}" for cell in line))
    return "\n".join(lines)


def tables(state: SinglePass) -> list[str]:
    """Returns the tables of a build: clips by class, if they have one each, and the builder's."""
    if not state.has_labels:
        return list(state.tables)
    counts = counts_of(state)
    return [count_table(counts, state.expected, classes=state.classes), *state.tables]


def counts_of(state: SinglePass) -> dict[str, list[int]]:
    """Returns what `count` returns, of the clips of a build."""
    return count(state.listing.clips, state.splits, classes=state.classes)


def _columns(rows: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _cells(row: Sequence[int], published: Sequence[int]) -> list[str]:
    wanted = published or row
    return [
        f"{have:,}" if have == want else f"{have:,} ({want:,})"
        for have, want in zip(row, wanted, strict=True)
    ]


def warning_lines(state: SinglePass) -> list[str]:
    """Returns a warning, with its list, for each thing that does not stop the build."""
    listing = state.listing
    found = [
        ("listed clips are missing and were left out", listing.missing),
        ("clips have gaps in their frame numbers", listing.gaps),
        ("files in clip folders are no images and were left out", listing.not_frames),
        ("clips have frames of different sizes", state.findings.mixed),
        ("clips have black frames, as where a program found no face", state.findings.black),
        ("videos hold fewer frames than they announce", state.findings.fewer),
    ]
    lines = [f"{len(items):,} {text}:\n{list_some(items)}" for text, items in found if items]
    counts = counts_of(state) if state.expected else {}
    wrong = [
        f"{split} {sum(counts[split]):,} for {sum(published):,}"
        for split, published in state.expected.items()
        if tuple(counts[split]) != tuple(published)
    ]
    if wrong:
        lines.append(f"clips differ from the published counts ({', '.join(wrong)})")
    return state.warnings + lines


def metadata(state: SinglePass) -> dict[str, object]:
    """Returns the facts of the build that are stored beside the data, as plain JSON."""
    listing, findings = state.listing, state.findings
    per_class = counts_of(state) if state.has_labels else None
    return {
        "num_clips": len(listing.clips),
        "num_frames": findings.num_frames,
        **({} if per_class is None else {"clips_per_split_and_class": per_class}),
        "missing_clips": listing.missing,
        "clips_with_gaps": listing.gaps,
        "clips_below_16_frames": findings.short,
        "clips_by_frame_size": dict(findings.sizes.most_common()),
        "clips_of_mixed_size": findings.mixed,
        "clips_with_black_frames": findings.black,
        "frames_stored_as_png": dict(findings.changes.most_common()),
        "videos_with_fewer_frames_than_announced": findings.fewer,
        "warnings": warning_lines(state),
        **state.facts,
    }


def summary(state: SinglePass) -> str:
    """Returns what is printed after a build."""
    findings = state.findings
    sizes = ", ".join(f"{size} ({n:,} clips)" for size, n in findings.sizes.most_common(10))
    if len(findings.sizes) > 10:
        sizes += f", and {len(findings.sizes) - 10:,} more sizes"
    lines = [
        *tables(state),
        f"{findings.num_frames:,} frames; height x width {sizes}",
        f"{len(findings.short):,} clips have fewer than 16 frames",
    ]
    lines += [f"{n:,} frames stored as PNG: {what}" for what, n in findings.changes.most_common()]
    return "\n".join(lines + [f"warning: {line}" for line in warning_lines(state)])
