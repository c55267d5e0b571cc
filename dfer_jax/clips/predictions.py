"""Saved per-clip predictions: read, joined by clip id, pooled over folds.

Reads the `eval/<split>.json` files that `evaluate.write_evaluation` writes.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from dfer_jax.errors import UserError, list_in_line, list_some
from dfer_jax.labels import shared_classes
from dfer_jax.runs.evaluation_files import _read_object

_ROUNDING = 1e-4  # probabilities are stored with six digits


@dataclasses.dataclass(frozen=True)
class Predictions:
    """The predictions of one evaluation.

    Attributes:
        path: where they were read.
        about: every other field of the file: dataset, split, selection, step, epoch, model, ...
        classes: names, in the order of the probabilities.
        clip_ids: `[n]`, no two alike.
        labels: int64 `[n]`, indices into `classes`.
        predicted: int64 `[n]`, the model's answers, as saved.
        probabilities: float64 `[n, k]`, softmax outputs in [0, 1].
        peak_intensities: float64 `[n]` where the data set has them, NaN where it has not.
    """

    path: str
    about: dict[str, Any]
    classes: tuple[str, ...]
    clip_ids: tuple[str, ...]
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    peak_intensities: np.ndarray

    def __len__(self) -> int:
        return len(self.clip_ids)

    def take(self, rows: Sequence[int]) -> "Predictions":
        """Returns the clips at these rows, in the order given."""
        index = np.asarray(rows, np.int64)
        return dataclasses.replace(
            self,
            clip_ids=tuple(self.clip_ids[i] for i in index),
            labels=self.labels[index],
            predicted=self.predicted[index],
            probabilities=self.probabilities[index],
            peak_intensities=self.peak_intensities[index],
        )

    @property
    def confusion(self) -> Int64[np.ndarray, "k k"]:
        """Counts by truth (row) and prediction (column)."""
        return confusion_of(self.labels, self.predicted, num_classes=len(self.classes))


def confusion_of(
    labels: Int64[np.ndarray, " n"], predicted: Int64[np.ndarray, " n"], *, num_classes: int
) -> Int64[np.ndarray, "k k"]:
    """Counts clips by truth (row) and prediction (column)."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes).astype(np.int64)


def read(path: str) -> Predictions:
    """Reads one evaluation file and checks that it agrees with itself.

    Raises:
        UserError: if it cannot be read, is damaged, or has a clip twice.
    """
    raw = _read_object(path)
    try:
        found = _parse(path, raw)
        if found.confusion.tolist() != raw["confusion"]:
            raise ValueError("its predictions do not add up to its confusion matrix")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise UserError(f"{path} is damaged ({reason}); evaluate again with dfer eval") from error
    twice = [clip for clip, count in Counter(found.clip_ids).items() if count > 1]
    if twice:
        raise UserError(
            f"{path} has {len(twice)} clip ids more than once; a clip may count once only:\n"
            f"{list_some(twice)}"
        )
    return found


def join(members: Sequence[Predictions]) -> list[Predictions]:
    """Returns the members with clips and classes in the order of the first, matched by name.

    A class that another member calls by a synonym ("happy", "happiness") is the same.

    Raises:
        UserError: if the classes, the sets of clips, or labels differ.
    """
    first, *others = members
    return [first, *(_in_the_order_of(first, other) for other in others)]


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """Pools disjoint parts, such as the test parts of the folds; `about` is the first's.

    Raises:
        UserError: if the classes differ, or a clip is in two parts.
    """
    first = parts[0]
    parts = [in_the_classes_of(first, part) for part in parts]
    seen: dict[str, str] = {}
    for part in parts:
        if both := [clip for clip in part.clip_ids if clip in seen]:
            raise UserError(
                f"{seen[both[0]]} and {part.path} share {len(both)} clips, so they cannot be "
                f"pooled; give each fold once:\n{list_some(both)}"
            )
        seen |= dict.fromkeys(part.clip_ids, part.path)
    names = ("labels", "predicted", "probabilities", "peak_intensities")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return dataclasses.replace(first, clip_ids=tuple(seen), **arrays)


def _in_the_order_of(first: Predictions, other: Predictions) -> Predictions:
    other = in_the_classes_of(first, other)
    rows = {clip: row for row, clip in enumerate(other.clip_ids)}
    missing = [clip for clip in first.clip_ids if clip not in rows]
    extra = sorted(rows.keys() - set(first.clip_ids))
    if missing or extra:
        raise UserError(
            f"{other.path} does not hold the clips of {first.path}: {len(missing)} are missing, "
            f"{len(extra)} are extra; evaluate both on the same split:\n"
            + list_some([f"missing {c}" for c in missing] + [f"extra {c}" for c in extra])
        )
    ordered = other.take([rows[clip] for clip in first.clip_ids])
    differ = np.flatnonzero(ordered.labels != first.labels)
    if len(differ):
        lines = [
            f"{first.clip_ids[i]}: {first.classes[first.labels[i]]} -> "
            f"{first.classes[ordered.labels[i]]}"
            for i in differ
        ]
        raise UserError(
            f"{len(differ)} clips have another label in {other.path} than in {first.path}; "
            f"evaluate both on the same build of the data set:\n{list_some(lines)}"
        )
    return ordered


def in_the_classes_of(first: Predictions, other: Predictions) -> Predictions:
    """Returns `other` with its classes in the order, and by the names, of `first`.

    Raises:
        UserError: if they are not the same classes.
    """
    if first.classes == other.classes:
        return other
    shared = shared_classes(first.classes, other.classes)
    if not shared.are_all:
        raise UserError(
            f"the classes of {other.path} are not those of {first.path} "
            f"({list_in_line(other.classes)} against {list_in_line(first.classes)}); combine runs "
            "that tell the same classes apart"
        )
    ours = dict(zip(shared.of_data, shared.names, strict=True))
    place = np.array([first.classes.index(ours[name]) for name in other.classes])
    return dataclasses.replace(
        other,
        classes=first.classes,
        labels=place[other.labels],
        predicted=place[other.predicted],
        probabilities=other.probabilities[:, np.argsort(place)],
    )


def _parse(path: str, raw: dict[str, Any]) -> Predictions:
    classes = tuple(raw["classes"])
    rows = raw["predictions"]
    if not rows:
        raise ValueError("it has no clip")
    index = {name: i for i, name in enumerate(classes)}
    return Predictions(
        path=path,
        about={k: v for k, v in raw.items() if k not in ("classes", "predictions", "confusion")},
        classes=classes,
        clip_ids=tuple(str(row["clip_id"]) for row in rows),
        labels=np.array([index[row["label"]] for row in rows], np.int64),
        predicted=np.array([index[row["prediction"]] for row in rows], np.int64),
        probabilities=_probabilities([row["probabilities"] for row in rows], len(classes)),
        peak_intensities=np.array([row.get("peak_intensity", np.nan) for row in rows], np.float64),
    )


def _probabilities(rows: list[list[float]], k: int) -> Float64[np.ndarray, "n k"]:
    values = np.array(rows, np.float64)
    if values.shape != (len(rows), k):
        raise ValueError(f"a clip has not {k} probabilities")
    if not (np.isfinite(values).all() and np.abs(values.sum(1) - 1).max() < _ROUNDING):
        raise ValueError("the probabilities of a clip do not add up to 1")
    return values
