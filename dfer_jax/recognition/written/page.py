"""The page of a video: one HTML file that plays it beside curves which follow the play head."""

import json
import os
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from dfer_jax.recognition.peers import answers
from dfer_jax.recognition.rows import Row
from dfer_jax.runtime.durable_files import replacing

_MOST_POINTS = 4000  # of a face; more rows are averaged


def write_page(
    path: Path,
    rows: Iterable[Row],
    summary: Mapping[str, Any],
    *,
    video: Path | None,
    frames: Sequence[Path] = (),
    fps: float = 25.0,
) -> None:
    """Writes the page; it needs no network, and names the video by its place beside it.

    Args:
        path: of the page.
        rows: of the video, iterated over three times.
        summary: of the video, as written.
        video: file that a browser may play; None if there is none.
        frames: pictures of a folder or still, in order, where there is no video.
        fps: of the frames.

    Raises:
        OSError: if it cannot be written.
    """
    folder = path.resolve().parent
    data = {
        "classes": summary["classes"],
        "rows": _records(rows, summary["classes"]),
        "seconds": summary["seconds"],
        "video": None if video is None else _address(video, folder),
        "frames": [_address(file, folder) for file in frames],
        "fps": fps,
        "cropped": summary["cropped_before"],
        "peer": summary["peer"],
        "strength": any(row.intensity is not None for row in rows),
    }
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    text = string.Template(template).substitute(
        title=escape(Path(summary["video"]).name),
        about=escape(_about(summary)),
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    )
    with replacing(path) as file:
        file.write(text)


def _address(file: Path, folder: Path) -> str:
    return quote(os.path.relpath(file.resolve(), folder))


def _about(summary: Mapping[str, Any]) -> str:
    weights = ", ".join(
        f"{m['model']['name']} trained on {m['dataset'] or 'unknown data'}"
        for m in summary["weights"]
    )
    empty = summary["frames_without_face"]
    remarks = "".join(f" {note[:1].upper()}{note[1:]}." for note in summary["notes"])
    text = (
        f"{_number(summary['frames'], 'frame')}, {summary['seconds']:.1f} s; "
        f"{_number(len(summary['faces']), 'face')}, {empty:,} frames without one; "
        f"{weights}.{remarks}"
    )
    return text if summary["complete"] else f"{text} Incomplete: {summary['fault']}."


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + "s" * (count != 1)


def _records(rows: Iterable[Row], classes: Sequence[str]) -> list[list[Any]]:
    """Rows as short lists: face, start, end, box, shares, intensity, peer; means where too many."""
    steps = {
        face: -(-count // _MOST_POINTS) for face, count in Counter(row.face for row in rows).items()
    }
    gathered: dict[int | None, list[Row]] = {face: [] for face in steps}
    records = []
    for row in rows:
        own = gathered[row.face]
        own.append(row)
        if len(own) == steps[row.face]:
            records.append(_record(own, classes))
            own.clear()
    records += [_record(own, classes) for own in gathered.values() if own]
    return sorted(records, key=lambda record: record[1])


def _record(rows: Sequence[Row], classes: Sequence[str]) -> list[Any]:
    first, last = rows[0], rows[-1]
    times = [round(first.start_s, 3), round(last.end_s, 3)]
    if first.face is None:
        return [None, *times, None, [], None, None]
    shares = np.mean([[row.probabilities[name] for name in classes] for row in rows], axis=0)
    strengths = [row.intensity for row in rows if row.intensity is not None]
    strength = round(float(np.mean(strengths)), 4) if strengths else None
    box = np.mean([row.box for row in rows], axis=0).round(1).tolist()
    return [first.face, *times, box, shares.round(4).tolist(), strength, _said(rows)]


def _said(rows: Sequence[Row]) -> list[Any] | None:
    """Returns label and share of what a peer says of these rows; None without one."""
    if not all(row.peer for row in rows):
        return None
    means = {name: float(np.mean([row.peer[name] for row in rows])) for name in rows[0].peer}
    label = answers.label_of(means)
    return [label, round(means[label], 4)]
