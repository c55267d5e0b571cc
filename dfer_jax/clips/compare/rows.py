"""What came of each experiment: scores over folds and seeds, beside its costs."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from dfer_jax.clips.compare import costs
from dfer_jax.clips.compare.comparison import Comparison, Entry
from dfer_jax.clips.compare.costs import Costs
from dfer_jax.clips.crossval import runs, scores
from dfer_jax.clips.crossval.runs import Run
from dfer_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Scores:
    """Of one way to choose the epoch; pooled over the folds, by seed.

    Attributes:
        values: recall per class, UAR, WAR of each seed, in [0, 1].
    """

    values: Float64[np.ndarray, "seeds k"]

    @property
    def mean(self) -> Float64[np.ndarray, " k"]:
        """Over the seeds."""
        return self.values.mean(axis=0)

    @property
    def spread(self) -> Float64[np.ndarray, " k"]:
        """Standard deviation over the seeds; NaN of one alone."""
        if len(self.values) < 2:
            return np.full(self.values.shape[1], np.nan)
        return self.values.std(axis=0, ddof=1)


@dataclasses.dataclass(frozen=True)
class Result:
    """Of one entry.

    Attributes:
        entry: what it is.
        done: runs that are finished.
        asked: runs that there should be.
        scores: by how the epoch was chosen; none where no seed has all its folds.
        clips: test clips behind them.
        costs: of its network; None before a run is done.
    """

    entry: Entry
    done: int
    asked: int
    scores: Mapping[str, Scores]
    clips: int
    costs: Costs | None


def gather(comparison: Comparison, directory: str) -> tuple[tuple[str, ...], tuple[Result, ...]]:
    """Returns the classes, and the result of every entry.

    Raises:
        UserError: if nothing is done yet, a file is damaged, or classes differ.
    """
    classes: dict[str, tuple[str, ...]] = {}
    results, plan = [], comparison.plan(directory)
    for entry in comparison.entries:
        planned = plan[entry.name]
        done = [run for run in planned if runs.state(run).word == "done"]
        found = {(run.fold, run.seed): runs.read_results(run) for run in done}
        for predictions in (p for by_selection in found.values() for p in by_selection.values()):
            classes[entry.name] = predictions.classes
        results.append(_result(entry, planned, done, found, classes, directory))
    if not classes:
        raise UserError("no run is done yet, so there is nothing to compare")
    if len(set(classes.values())) > 1:
        raise UserError("the experiments tell other classes apart, so they are not comparable")
    return next(iter(classes.values())), tuple(results)


def _result(
    entry: Entry,
    planned: Sequence[Run],
    done: Sequence[Run],
    found: scores.Results,
    classes: Mapping[str, tuple[str, ...]],
    directory: str,
) -> Result:
    folds = {run.fold for run in planned}
    whole = {
        key: value
        for key, value in found.items()
        if {fold for fold, seed in found if seed == key[1]} == folds
    }
    costed, by_selection, clips = None, {}, 0
    if done:
        path = os.path.join(directory, entry.folder, "costs.json")
        costed = costs.measured(entry.config, num_classes=len(classes[entry.name]), path=path)
    if whole:
        what = "pooled" if len(folds) > 1 else None
        for row in scores.summarise(whole, curves={}):
            if row.seed is not None and what in (None, row.what):
                by_selection.setdefault(row.selection, []).append(row.values)
                clips = row.clips
    kept = {name: Scores(np.stack(values)) for name, values in by_selection.items()}
    return Result(entry, len(done), len(planned), kept, clips, costed)
