"""The summary of a video: who was seen when, and what they showed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dfer_jax.recognition.rows import Row, by_face, frames_without_face


def summary(
    rows: Sequence[Row], *, classes: Sequence[str], about: Mapping[str, Any], fault: str | None
) -> dict[str, Any]:
    """Returns what `<stem>.json` holds.

    Args:
        rows: of the video, all that there are.
        classes: the columns.
        about: where the rows come from: video, weights, windows, crops.
        fault: why the rows end early; None if they are complete.
    """
    last = max(rows, key=lambda row: row.last_frame, default=None)
    return {
        **about,
        "classes": list(classes),
        "complete": fault is None,
        "fault": fault,
        "rows": len(rows),
        "frames": 0 if last is None else last.last_frame - rows_start(rows) + 1,
        "seconds": round(max((row.end_s for row in rows), default=0.0), 3),
        "frames_without_face": frames_without_face(rows),
        "faces": [_of_face(face, own, classes) for face, own in sorted(by_face(rows).items())],
    }


def rows_start(rows: Sequence[Row]) -> int:
    """Returns the number of the first frame of any row; 0 if there is none."""
    return min((row.first_frame for row in rows), default=0)


def _of_face(face: int, rows: Sequence[Row], classes: Sequence[str]) -> dict[str, Any]:
    labels = Counter(row.label for row in rows)
    means = {name: float(np.mean([row.probabilities[name] for row in rows])) for name in classes}
    strong = [row for row in rows if row.intensity is not None]
    peak = max(strong, key=lambda row: row.intensity, default=None)
    return {
        "face": face,
        "start_s": round(min(row.start_s for row in rows), 3),
        "end_s": round(max(row.end_s for row in rows), 3),
        "rows": len(rows),
        "label": labels.most_common(1)[0][0],
        "label_shares": {name: round(n / len(rows), 4) for name, n in labels.most_common()},
        "mean_probabilities": {name: round(p, 6) for name, p in means.items()},
        "mean_intensity": None
        if peak is None
        else round(float(np.mean([row.intensity for row in strong])), 4),
        "strongest_s": None if peak is None else round((peak.start_s + peak.end_s) / 2, 3),
    }
