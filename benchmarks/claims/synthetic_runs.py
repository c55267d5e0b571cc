"""Runs trainings on rendered faces side by side, each as a user would, and keeps them."""

import dataclasses
import json
import math
import os
import queue
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: its folder.
        flags: overrides, without the leading `--config.`.
        after: the run whose last weights it starts from.
        config: the experiment.
    """

    name: str
    flags: tuple[str, ...]
    after: "Run | None" = None
    config: str = "configs/synthetic.py"


def run_all(runs: Sequence[Run], out: str, jobs: int) -> None:
    """Trains what is not complete, `jobs` at a time, each on its own cores.

    Args:
        runs: the trainings; those that others start from are trained first.
        out: the folder of the runs' work directories; each holds its log.txt.
        jobs: trainings at a time.

    Raises:
        subprocess.CalledProcessError: if a training fails; its log says why.
    """
    starts = list(dict.fromkeys(run.after for run in runs if run.after))
    cores: queue.SimpleQueue[int] = queue.SimpleQueue()
    for core in range(jobs):
        cores.put(core)
    with ThreadPoolExecutor(jobs) as pool:
        for batch in (starts, runs):
            list(pool.map(_taking_turns(out, jobs, cores), batch))


def evaluation(out: str, name: str, split: str = "test") -> dict:
    """Returns a run's evaluation of its last epoch."""
    with open(os.path.join(out, name, "eval", f"{split}.json"), encoding="utf-8") as file:
        return json.load(file)


def mean_and_spread(values: Sequence[float], form: str = ".1f") -> str:
    """Returns mean +- standard deviation over seeds, as the tables print it."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):{form}} +- {spread:{form.removeprefix('+')}}"


def by_epoch(rows: Sequence[dict], name: str) -> list[float]:
    """Returns the mean of a scalar over the rows of each epoch, first epoch first.

    Args:
        rows: of `read_metrics`.
        name: of the scalar; rows without it are left out.
    """
    found: dict[int, list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            found.setdefault(math.ceil(row["epoch"]), []).append(row[name])
    return [statistics.fmean(found[epoch]) for epoch in sorted(found)]


def apart(curves: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> float:
    """Returns the mean absolute difference of paired curves over all epochs."""
    pairs = [pair for a, b in zip(curves, others, strict=True) for pair in zip(a, b, strict=True)]
    return statistics.fmean(abs(a - b) for a, b in pairs)


def _taking_turns(out: str, jobs: int, cores: queue.SimpleQueue) -> Callable[[Run], None]:
    def train(run: Run) -> None:
        core = cores.get()
        try:
            _train(run, out, _affinity(core, jobs))
        finally:
            cores.put(core)

    return train


def _affinity(core: int, jobs: int) -> tuple[str, ...]:
    """Returns what confines a process to its share of the cores, where the system can."""
    if jobs == 1 or not hasattr(os, "sched_getaffinity"):
        return ()
    share = sorted(os.sched_getaffinity(0))[core::jobs]
    return ("taskset", "-c", ",".join(map(str, share)))


def _train(run: Run, out: str, prefix: tuple[str, ...]) -> None:
    workdir = os.path.join(out, run.name)
    if os.path.exists(os.path.join(workdir, "eval", "test.json")):
        return
    flags = [f"--config.{flag}" for flag in run.flags]
    if run.after:
        flags.append(f"--config.train.init_from={os.path.join(out, run.after.name)}")
    command = [
        *(*prefix, sys.executable, "-m", "dfer_jax.main"),
        *("--config", run.config, *flags, "--workdir", workdir),
    ]
    os.makedirs(workdir, exist_ok=True)
    with open(os.path.join(workdir, "log.txt"), "a", encoding="utf-8") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log)
    macro_f1 = evaluation(out, run.name)["macro_f1"]
    print(f"{run.name}: macro-F1 {macro_f1:.4f}", file=sys.stderr, flush=True)
