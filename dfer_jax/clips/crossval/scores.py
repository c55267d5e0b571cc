"""The rows of a cross-validation table: folds, their mean, all clips pooled, the spread over seeds.

DFEW's authors pool the predictions of the five folds and score them once; most later code averages
the folds' scores. Both are given and named; for rare classes they differ.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from dfer_jax.clips import predictions
from dfer_jax.clips.predictions import Predictions
from dfer_jax.results import metrics
from dfer_jax.results.bootstrap import score_intervals
from dfer_jax.results.intervals import wilson_interval

Results = Mapping[tuple[int, int], Mapping[str, Predictions]]
"""(fold, seed) -> selection ("last", "best on test", ...) -> predictions for the test part."""

Curves = Mapping[tuple[int, int], tuple[float, float]]
"""(fold, seed) -> UAR and WAR in [0, 1] of the epoch of highest test WAR, without predictions."""

_ORDER = ("last", "best on validation", "best on test")
CURVES = "best on test, from the curves"


@dataclasses.dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        selection: how the epoch was chosen.
        what: "fold 1", "mean of folds", "pooled", "mean of seeds", "sd of seeds".
        seed: None where seeds are summarised.
        clips: test clips behind the row.
        values: recall per class, UAR, WAR, each in [0, 1]; NaN where there is none.
        low: lower 95 % bounds of `values`, None without; recalls by Wilson, UAR and WAR by
            bootstrap.
        high: upper bounds.
    """

    selection: str
    what: str
    seed: int | None
    clips: int
    values: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def summarise(results: Results, *, curves: Curves) -> list[Row]:
    """Returns all rows, by selection, then seed.

    Args:
        results: of the runs that are complete.
        curves: of runs whose best epoch was chosen on validation; empty if there are none.

    Raises:
        UserError: if two folds share a clip, or two seeds do not share all.
    """
    found = {selection for run in results.values() for selection in run}
    known = [selection for selection in _ORDER if selection in found]
    rows = []
    for selection in [*known, *sorted(found - set(known))]:
        by_seed: dict[int, dict[int, Predictions]] = {}
        for (fold, seed), run in sorted(results.items()):
            if selection in run:
                by_seed.setdefault(seed, {})[fold] = run[selection]
        for seed, folds in by_seed.items():
            rows += _seed_rows(selection, seed, folds)
        rows += _spread_rows(selection, by_seed)
    return rows + _curve_rows(curves, results)


def headline(rows: Sequence[Row], selection: str) -> Row:
    """Returns the row that sums a selection up: mean of seeds, else pooled, else the last one."""
    own = [row for row in rows if row.selection == selection]
    for what in ("mean of seeds", "pooled"):
        if named := [row for row in own if row.what == what]:
            return named[0]
    return own[-1]


def class_counts(results: Results) -> dict[int, list[int]]:
    """Returns by fold the test clips of each class, in the order of the classes."""
    counts = {}
    for (fold, _), run in sorted(results.items()):
        found = next(iter(run.values()))
        counts[fold] = np.bincount(found.labels, minlength=len(found.classes)).tolist()
    return counts


def _seed_rows(selection: str, seed: int, folds: Mapping[int, Predictions]) -> list[Row]:
    """One row per fold, then their mean and the pooled clips, which carry the intervals."""
    parts = list(folds.values())
    rows = [
        Row(selection, f"fold {fold}" if fold else "test", seed, len(part), _values(part))
        for fold, part in folds.items()
    ]
    if len(parts) == 1:
        low, high = _intervals(parts[0].predicted == parts[0].labels, parts[0])
        return [dataclasses.replace(rows[0], low=low, high=high)]
    pooled = predictions.concatenate(parts)
    low, high = _intervals(pooled.predicted == pooled.labels, pooled)
    mean = _mean([row.values for row in rows])
    return [
        *rows,
        Row(selection, "mean of folds", seed, len(pooled), mean),
        Row(selection, "pooled", seed, len(pooled), _values(pooled), low, high),
    ]


def _spread_rows(selection: str, by_seed: Mapping[int, Mapping[int, Predictions]]) -> list[Row]:
    """Mean and standard deviation over the seeds that have all the folds that any seed has."""
    folds = set().union(*by_seed.values())
    whole = [
        predictions.concatenate(list(parts.values()))
        for parts in by_seed.values()
        if parts.keys() == folds
    ]
    if len(whole) < 2:
        return []
    whole = predictions.join(whole)
    first, values = whole[0], np.stack([_values(part) for part in whole])
    hits = np.mean([part.predicted == part.labels for part in whole], axis=0)
    mean, spread = _over_seeds(selection, len(first), values)
    low, high = _intervals(hits, first)
    return [dataclasses.replace(mean, low=low, high=high), spread]


def _over_seeds(selection: str, clips: int, values: np.ndarray) -> tuple[Row, Row]:
    """Mean and standard deviation of one row of `values` per seed."""
    return (
        Row(selection, "mean of seeds", None, clips, _mean(values)),
        Row(selection, "sd of seeds", None, clips, values.std(axis=0, ddof=1)),
    )


def _curve_rows(curves: Curves, results: Results) -> list[Row]:
    """Best epoch on test where only its scores were kept; recalls are unknown."""
    rows, wholes = [], []
    folds = {fold for fold, _ in curves}
    for seed in sorted({seed for _, seed in curves}):
        own = {fold: scores for (fold, s), scores in sorted(curves.items()) if s == seed}
        clips = {fold: len(next(iter(results[fold, seed].values()))) for fold in own}
        k = len(next(iter(results[next(iter(curves))].values())).classes)
        of_seed = [
            Row(CURVES, f"fold {f}" if f else "test", seed, clips[f], _only(uar, war, k))
            for f, (uar, war) in own.items()
        ]
        rows += of_seed
        if len(of_seed) > 1:
            mean = _mean([row.values for row in of_seed])
            rows.append(Row(CURVES, "mean of folds", seed, sum(clips.values()), mean))
        wholes += [rows[-1]] * (own.keys() == folds)
    if len(wholes) > 1:
        rows += _over_seeds(CURVES, wholes[0].clips, np.stack([row.values for row in wholes]))
    return rows


def _values(part: Predictions) -> Float64[np.ndarray, " scores"]:
    scores = metrics.scores(part.confusion)
    return np.array([*scores.recall, scores.uar, scores.war])


def _only(uar: float, war: float, num_classes: int) -> Float64[np.ndarray, " scores"]:
    return np.array([*[np.nan] * num_classes, uar, war])


def _mean(rows: Sequence[np.ndarray] | np.ndarray) -> Float64[np.ndarray, " scores"]:
    """Mean of each column over the rows that have it."""
    stacked = np.stack(list(rows))
    has = ~np.isnan(stacked)
    total = np.where(has, stacked, 0.0).sum(axis=0)
    return np.where(has.any(axis=0), total / np.maximum(has.sum(axis=0), 1), np.nan)


def _intervals(hits: np.ndarray, clips: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of `Row.values`; `hits` is right or wrong per clip, or its mean over seeds."""
    hits, k = hits.astype(np.float64), len(clips.classes)
    low, high = score_intervals(hits, clips.labels, num_classes=k)
    totals = np.bincount(clips.labels, minlength=k)
    right = np.rint(np.bincount(clips.labels, hits, minlength=k)).astype(np.int64)
    low[:-2], high[:-2] = (
        np.where(totals > 0, bound, np.nan) for bound in wilson_interval(right, totals)
    )
    return low, high
