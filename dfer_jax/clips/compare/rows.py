"""What came of each experiment: scores over folds and seeds, beside its costs."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from dfer_jax.clips import predictions
from dfer_jax.clips.compare import costs, given
from dfer_jax.clips.compare.comparison import Comparison, Entry
from dfer_jax.clips.compare.costs import Costs
from dfer_jax.clips.crossval import runs, scores
from dfer_jax.clips.crossval.runs import Run
from dfer_jax.clips.predictions import Predictions
from dfer_jax.errors import UserError

_IMPORTED = "imported"


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
        weights: what is known of given weights, as `given.facts` has it; () of trained ones.
    """

    entry: Entry
    done: int
    asked: int
    scores: Mapping[str, Scores]
    clips: int
    costs: Costs | None
    weights: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of the row; says that weights were given."""
        return f"{self.entry.name} (evaluated)" if self.entry.weights else self.entry.name


def gather(comparison: Comparison, directory: str) -> tuple[tuple[str, ...], tuple[Result, ...]]:
    """Returns the classes, and the result of every entry.

    Raises:
        UserError: if nothing is done yet, a file is damaged, or classes differ.
    """
    plan, done, first = comparison.plan(directory), {}, None
    for entry in comparison.entries:
        done[entry.name] = [run for run in plan[entry.name] if runs.state(run).word == "done"]
    found: dict[str, scores.Results] = {}
    for name, finished in done.items():
        found[name] = {(run.fold, run.seed): runs.read_results(run) for run in finished}
        for by_selection in found[name].values():
            for selection, read in by_selection.items():
                first = first or read
                by_selection[selection] = predictions.in_the_classes_of(first, read)
    if first is None:
        raise UserError("no run is done yet, so there is nothing to compare")
    results = [
        _result(entry, plan[entry.name], done[entry.name], found[entry.name], first, directory)
        for entry in comparison.entries
    ]
    return first.classes, _beside_each_epoch(results)


def _beside_each_epoch(results: Sequence[Result]) -> tuple[Result, ...]:
    """Puts given weights of which there is one epoch only beside every choice of the epoch."""
    chosen = dict.fromkeys(s for r in results for s in r.scores if s != _IMPORTED)
    return tuple(
        dataclasses.replace(r, scores=dict.fromkeys(chosen, next(iter(r.scores.values()))))
        if chosen and r.entry.weights and len(r.scores) == 1
        else r
        for r in results
    )


def _result(
    entry: Entry,
    planned: Sequence[Run],
    done: Sequence[Run],
    found: scores.Results,
    first: Predictions,
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
        costed = costs.measured(entry.config, num_classes=len(first.classes), path=path)
    if whole:
        what = "pooled" if len(folds) > 1 else None
        for row in scores.summarise(whole, curves={}):
            if row.seed is not None and what in (None, row.what):
                by_selection.setdefault(row.selection, []).append(row.values)
                clips = row.clips
    kept = {name: Scores(np.stack(values)) for name, values in by_selection.items()}
    known = given.facts(planned) if entry.weights else ()
    return Result(entry, len(done), len(planned), kept, clips, costed, known)
