"""The summary of a video: who was seen when, and what they showed."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dfer_jax.recognition.peers import answers
from dfer_jax.recognition.rows import Row


def summary(
    rows: Iterable[Row], *, classes: Sequence[str], about: Mapping[str, Any], fault: str | None
) -> dict[str, Any]:
    """Returns what `<stem>.json` holds.

    Args:
        rows: of the video, all that there are, read once.
        classes: the columns.
        about: where the rows come from: video, weights, windows, crops.
        fault: why the rows end early; None if they are complete.
    """
    faces: dict[int, _Face] = {}
    count = without_face = 0
    first, last, seconds = math.inf, -1, 0.0
    for row in rows:
        count += 1
        first, last = min(first, row.first_frame), max(last, row.last_frame)
        seconds = max(seconds, row.end_s)
        if row.face is None:
            without_face += row.last_frame - row.first_frame + 1
        else:
            faces.setdefault(row.face, _Face(classes)).add(row)
    return {
        **about,
        "classes": list(classes),
        "complete": fault is None,
        "fault": fault,
        "rows": count,
        "frames": last - first + 1 if count else 0,
        "seconds": round(seconds, 3),
        "frames_without_face": without_face,
        "faces": [faces[face].summary(face) for face in sorted(faces)],
    }


class _Face:
    """What one face showed, summed up row by row."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes, self._shares = tuple(classes), np.zeros(len(classes))
        self._labels: Counter[str] = Counter()
        self._start, self._end = math.inf, 0.0
        self._strengths, self._strength = 0, 0.0  # rows that have an intensity, and its sum
        self._strongest, self._when = -1.0, 0.0
        self._said: Counter[tuple[str, bool]] = Counter()  # by a peer, and whether ours say it too

    def add(self, row: Row) -> None:
        """Takes the next row of this face."""
        self._labels[row.label] += 1
        self._shares += [row.probabilities[name] for name in self._classes]
        if row.peer:
            said = answers.label_of(row.peer)
            self._said[said, said == row.label] += 1
        self._start, self._end = min(self._start, row.start_s), max(self._end, row.end_s)
        if row.intensity is None:
            return
        self._strengths, self._strength = self._strengths + 1, self._strength + row.intensity
        if row.intensity > self._strongest:
            self._strongest, self._when = row.intensity, (row.start_s + row.end_s) / 2

    def summary(self, face: int) -> dict[str, Any]:
        """Returns what the summary says of it, JSON-ready.

        Args:
            face: its number.
        """
        rows, labels = self._labels.total(), self._labels.most_common()
        means = zip(self._classes, (self._shares / rows).tolist(), strict=True)
        told = self._strengths > 0
        return {
            "face": face,
            "start_s": round(self._start, 3),
            "end_s": round(self._end, 3),
            "rows": rows,
            "label": labels[0][0],
            "label_shares": {name: round(n / rows, 4) for name, n in labels},
            "mean_probabilities": {name: round(p, 6) for name, p in means},
            "mean_intensity": round(self._strength / self._strengths, 4) if told else None,
            "strongest_s": round(self._when, 3) if told else None,
            **self._beside(),
        }

    def _beside(self) -> dict[str, Any]:
        """Returns what a peer said most, and in which share of the rows ours say the same."""
        if not self._said:
            return {}
        labels: Counter[str] = Counter()
        for (said, _), count in self._said.items():
            labels[said] += count
        same = sum(count for (_, both), count in self._said.items() if both)
        share = round(same / labels.total(), 4)
        return {"peer_label": labels.most_common(1)[0][0], "peer_says_the_same": share}
