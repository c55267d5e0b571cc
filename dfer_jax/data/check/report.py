"""Writes down what a check found: as text with short lists, as JSON with complete ones."""

import collections
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfer_jax.data.check.findings import Finding
from dfer_jax.data.check.result import Result
from dfer_jax.data.check.strays import list_paths
from dfer_jax.errors import list_some
from dfer_jax.runtime.durable_files import replacing
from tfds_builders import report
from tfds_builders.single_pass import SHORT

_STATISTICS = ("min", "p5", "median", "mean", "p95", "max")
_MOST_ITEMS = 10


def distribution(values: Sequence[int]) -> dict[str, float]:
    """Returns minimum, 5th percentile, median, mean, 95th percentile and maximum; {} of nothing."""
    if not values:
        return {}
    low, p5, median, p95, high = np.percentile(values, [0, 5, 50, 95, 100]).tolist()
    numbers = (low, p5, median, float(np.mean(values)), p95, high)
    return {name: round(number, 1) for name, number in zip(_STATISTICS, numbers, strict=True)}


def as_json(result: Result) -> str:
    """Returns everything, with the names of all clips and files concerned, as JSON text."""
    facts = {
        "name": result.name,
        "manual_dir": result.manual_dir,
        "mode": "thorough" if result.thorough else "quick",
        "can_be_built": result.can_be_built,
        "verdict": result.verdict,
        "num_faults": result.num_faults,
        "next": result.next_command,
        "seconds": round(result.seconds, 1),
        "findings": [vars(finding) for finding in result.findings],
    }
    if result.state:
        facts |= {
            "release": result.state.release,
            "layout": _layout(result),
            "clips": _clips(result),
            "frames": _frames(result),
            "facts": result.state.facts,
            "near_duplicates": [
                {
                    "distance": pair.distance,
                    "same_label": pair.same_label,
                    "clips": [{"id": c.id, "split": c.split, "label": c.label} for c in pair.clips],
                }
                for pair in result.leaks.pairs
            ],
        }
    return json.dumps(facts, indent=1)  # ASCII, for file names may hold any bytes


def _layout(result: Result) -> dict[str, object]:
    tree = result.state.tree
    folders = collections.Counter(
        tree.relative(clip.path.parent) for clip in result.state.listing.clips
    )
    return {
        "clips_by_folder": dict(sorted(folders.items())),
        "lists": [tree.relative(path) for path in list_paths(tree)],
    }


def _clips(result: Result) -> dict[str, object]:
    if not result.state.has_labels:
        return {"found": collections.Counter(clip.split for clip in result.state.listing.clips)}
    counts = report.counts_of(result.state)
    published = {split: list(row) for split, row in result.state.expected.items()}
    return {"classes": result.state.classes, "found": counts, "published": published}


def _frames(result: Result) -> dict[str, object]:
    lengths = [scan.length for scan in result.scans if scan.length]
    sizes = collections.Counter(size for scan in result.scans for size in scan.sizes)
    return {
        "num_frames": sum(lengths),
        "frames_per_clip": distribution(lengths),
        "clips_below_16_frames": sum(length < SHORT for length in lengths),
        "clips_by_height_and_width": {f"{h}x{w}": n for (h, w), n in sizes.most_common()},
        "bytes_per_file": distribution([n for scan in result.scans for n in scan.num_bytes]),
        "frames_without_colour": sum(scan.num_grey for scan in result.scans),
    }


def as_text(result: Result) -> str:
    """Returns the report for people; its last lines are the verdict and the next command."""
    how = "headers and ends of all files, five frames of each clip; --thorough decodes all"
    parts = [
        f"{result.name} in {result.manual_dir}\n"
        f"{'all frames decoded' if result.thorough else how} ({result.seconds:.0f} s)"
    ]
    if result.state:
        parts += [_layout_text(result), _counts_text(result), _frames_text(result)]
        parts.append(_leaks_text(result))
    parts += [_finding_text(finding) for finding in result.findings]
    parts.append(f"verdict: {result.verdict}\nnext: {result.next_command}")
    return _printable("\n\n".join(parts))


def _printable(text: str) -> str:
    """Returns the text with what a terminal would obey or cannot show written as escapes."""
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text)


def _layout_text(result: Result) -> str:
    layout = _layout(result)
    folders = [f"{folder} ({n:,} clips)" for folder, n in layout["clips_by_folder"].items()]
    lines = [f"recognised: {result.state.release}, clips in", list_some(folders, most=12)]
    if layout["lists"]:
        lines += ["lists", list_some(layout["lists"], most=12)]
    return "\n".join(lines)


def _counts_text(result: Result) -> str:
    return "\n\n".join(report.tables(result.state))


def _frames_text(result: Result) -> str:
    frames = _frames(result)
    sizes = [f"{size} ({n:,} clips)" for size, n in frames["clips_by_height_and_width"].items()]
    more = f", and {len(sizes) - 6:,} more sizes" if len(sizes) > 6 else ""
    rows = {"frames per clip": "frames_per_clip", "bytes per file": "bytes_per_file"}
    table = [f"{'':<16}" + "".join(f"{name:>11}" for name in _STATISTICS)]
    for title, key in rows.items():
        cells = "".join(f"{number:>11,.1f}" for number in frames[key].values())
        table.append(f"{title:<16}{cells}")
    return "\n".join(
        [
            *table,
            f"{frames['num_frames']:,} frames; height x width {', '.join(sizes[:6])}{more}",
        ]
    )


def _leaks_text(result: Result) -> str:
    clips, pairs = result.leaks.compared, result.leaks.pairs
    text = f"near-duplicates: {len(pairs):,} pairs across splits among {clips:,} clips compared"
    if different := sum(not pair.same_label for pair in pairs):
        text += f", {different:,} of them with different labels"
    left_out = len(result.scans) - clips
    if left_out and not result.thorough:
        text += f"; {left_out:,} clips were not compared, --thorough compares videos too"
    return text


def _finding_text(finding: Finding) -> str:
    lines = f"{finding.severity}: {len(finding.items):,} {finding.title}"
    lines += "\n" + list_some(finding.items, most=_MOST_ITEMS)
    if len(finding.items) > _MOST_ITEMS:
        lines += " (all by --json FILE)"
    return lines + (f"\n  to do: {finding.advice}" if finding.advice else "")


def write_json(result: Result, path: Path) -> None:
    """Writes `as_json` to a file, whole or not at all; OSError if that fails."""
    with replacing(path) as file:
        file.write(as_json(result) + "\n")
