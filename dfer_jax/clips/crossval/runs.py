"""The runs of a cross-validation: which there are, how far each is, what they measured."""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import ml_collections

from dfer_jax.clips import experiment, predictions
from dfer_jax.clips.crossval import process
from dfer_jax.clips.predictions import Predictions
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.identity import read_if_there
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint, evaluation_files, given_weights, resumption
from dfer_jax.runs.metric_writer import read_metrics
from dfer_jax.runs.workdir import refuse_other


@dataclasses.dataclass(frozen=True)
class Run:
    """One training: a fold (0 where the data set has none) and a seed, in its own work directory.

    Attributes:
        config: of this run, complete.
        title: for people, where fold and seed do not tell it from others.
        weights: a folder whose weights are evaluated in place of a training; "" to train.
    """

    fold: int
    seed: int
    workdir: str
    config: ml_collections.ConfigDict
    title: str = ""
    weights: str = ""

    @property
    def name(self) -> str:
        """For people."""
        if self.title:
            return self.title
        return f"fold {self.fold} seed {self.seed}" if self.fold else f"seed {self.seed}"

    @property
    def files(self) -> tuple[str, str]:
        """The evaluations of the last epoch and of the best one, whether or not they exist."""
        split = experiment.splits(self.config).test_name
        folder = os.path.join(self.workdir, "eval")
        return os.path.join(folder, f"{split}.json"), os.path.join(folder, f"{split}.best.json")


@dataclasses.dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes:
        word: new, started, trained (not evaluated yet) or done; given weights are new or done.
        step: of its last checkpoint.
    """

    word: str
    step: int


def plan(
    config: ml_collections.ConfigDict,
    *,
    folds: Sequence[int] | None,
    seeds: Sequence[int],
    directory: str,
) -> list[Run]:
    """Returns the runs, all folds of the first seed first.

    Args:
        config: its fold and seed are replaced.
        folds: None for all the data set has.
        seeds: none twice.
        directory: each run has a folder in it.

    Raises:
        UserError: if a fold does not exist, or a fold or seed is named twice.
    """
    count = config.data.num_folds
    folds = (list(range(1, count + 1)) or [0]) if folds is None else folds
    for what, values in (("--folds", folds), ("--seeds", seeds)):
        if not values or len(set(values)) < len(values):
            raise UserError(
                f"{what}={','.join(map(str, values))} must name each once, one at least"
            )
    runs = []
    for seed in seeds:
        for fold in folds:
            own = config.copy_and_resolve_references()
            own.fold, own.seed = fold, seed
            experiment.splits(own)  # refuses a fold that does not exist
            name = f"fold{fold}_seed{seed}" if fold else f"seed{seed}"
            runs.append(Run(fold, seed, os.path.join(directory, name), own))
    return runs


def check_configs(runs: Sequence[Run]) -> None:
    """Refuses to go on with runs of another config.

    Raises:
        UserError: with the fields that differ.
    """
    for run in runs:
        refuse_other(run.workdir, json.loads(run.config.to_json_best_effort()))


def state(run: Run) -> State:
    """Returns how far a run is; done only when its last and best epoch have been evaluated.

    A run whose checkpoints were deleted after its evaluation is done too.
    """
    if run.weights:
        return _state_of_given(run)
    evaluated = _evaluated(run)
    try:
        saved = checkpoint.list_checkpoints(run.workdir, best_metric="war")
    except UserError:
        return State("done", evaluated[0]) if evaluated else State("new", 0)
    if evaluated == (saved["last"], saved.get("best")):
        return State("done", saved["last"])
    rows = [row for row in read_metrics(run.workdir) if row["step"] == saved["last"]]
    trained = bool(rows) and float(rows[-1]["epoch"] or 0) >= run.config.train.epochs
    return State("trained" if trained else "started", saved["last"])


def command(config_file: str, overrides: Mapping[str, Any], run: Run) -> list[str]:
    """Returns the command of one run, as a person would type it.

    Args:
        config_file: of the experiment.
        overrides: further config fields by dotted name.
        run: names fold, seed and work directory.
    """
    fields = {**overrides, "fold": run.fold, "seed": run.seed}
    changed = [f"--config.{name}={value}" for name, value in fields.items()]
    program = [sys.executable, "-m", "dfer_jax.main"]
    if run.weights:
        program += ["--mode=eval", f"--weights={run.weights}"]
    return [*program, f"--config={config_file}", *changed, f"--workdir={run.workdir}"]


def train_missing(
    runs: Sequence[Run], commands: Sequence[Sequence[str]], *, lock: TextIO
) -> dict[str, str]:
    """Brings every run to its end; returns the names of those that failed, with the reason.

    Args:
        runs: in the order to train them.
        commands: of each.
        lock: of `process.only_one`.

    Raises:
        UserError: if a run was refused before it wrote anything, as the others would be too.
        StoppedError: on a request to stop.
    """
    failed = {}
    for number, (run, command) in enumerate(zip(runs, commands, strict=True), start=1):
        word = state(run).word
        print(f"[{number}/{len(runs)}] {run.name}: {word}, {run.workdir}", flush=True)
        if word == "done":
            continue
        code = process.run_to_end(command, lock=lock)
        if code in (1, 2) and not os.path.exists(run.workdir):
            raise UserError(f"{run.name} was refused, see above; the others would be too")
        if code:
            failed[run.name] = process.reason(code)
    return failed


def read_results(run: Run) -> dict[str, Predictions]:
    """Returns a done run's predictions for its test part, by how the epoch was chosen.

    Raises:
        UserError: if a file is missing or damaged.
    """
    paths = list(_files_of_given(run).values()) if run.weights else run.files
    found = [predictions.read(path) for path in paths]
    return {str(p.about["selection"]): p for p in found}


def _files_of_given(run: Run) -> dict[str, str]:
    """The evaluations that given weights should have: "last", and "best" if they have that."""
    trained_on = given_weights.describe(run.weights)["dataset"]
    split = experiment.splits(run.config).test_name
    about = {"dataset": run.config.data.dataset, "trained_on": trained_on, "split": split}
    path = os.path.join(run.workdir, "eval", evaluation_files.stem(about))
    steps = checkpoint.list_checkpoints(run.weights, best_metric="war")
    return {which: f"{path}{'.best' * (which == 'best')}.json" for which in steps}


def _state_of_given(run: Run) -> State:
    """New or done; with weights or data that were changed since it is new."""
    steps = checkpoint.list_checkpoints(run.weights, best_metric="war")
    now = read_if_there(run.config.data.dataset, run.config.data.data_dir)
    for which, path in _files_of_given(run).items():
        try:
            about = predictions.read(path).about
        except UserError:
            return State("new", 0)
        if about.get("weights") != given_weights.identity(run.weights, steps[which]):
            return State("new", 0)
        before = about.get("contents")
        if now and resumption.others(before if isinstance(before, dict) else {}, now):
            return State("new", 0)
    return State("done", steps["last"])


def best_on_test_from_curves(run: Run) -> tuple[float, float]:
    """Returns UAR and WAR in [0, 1] of the epoch of highest test WAR, the first of equal ones.

    Raises:
        UserError: if no epoch was evaluated.
    """
    rows = [row for row in read_metrics(run.workdir) if row.get("test/war") is not None]
    if not rows:
        raise UserError(f"metrics.jsonl in {run.workdir} has no test scores; train it anew")
    best = max(rows, key=lambda row: float(row["test/war"] or 0))
    return float(best["test/uar"] or 0), float(best["test/war"] or 0)


def _evaluated(run: Run) -> tuple[int, int] | None:
    """The steps of the evaluations of a run's final last and best epoch, with its own sampling."""
    try:
        last, best = (predictions.read(path).about for path in run.files)
    except UserError:
        return None  # missing, or cut short: it is evaluated again
    as_asked = json.loads(json.dumps(experiment.preprocess(run.config)))
    if last["epoch"] < run.config.train.epochs:
        return None
    for about in (last, best):
        found = about.get("preprocess", {})
        if {**FrameProtocol(1).to_json(), **found} != as_asked:  # older ones lack fields
            return None
    return int(last["step"]), int(best["step"])
