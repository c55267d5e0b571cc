"""Runs the real training command in a process of its own and watches it from outside."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.runs.metric_writer import METRICS_FILE

ROOT = Path(__file__).parents[2]
_POLL_SECONDS = 0.02


@dataclasses.dataclass(frozen=True)
class RealRun:
    """What a run of `python -m dfer_jax.main` took.

    Attributes:
        first_row_s: from starting the process to its first row of metrics, which with
            `train.log_every_steps=1` is the end of its first step.
        rows: the rows of metrics in the order they came.
        seconds: when each came, from starting the process.
        peak_rss: largest resident set of the process, bytes; counts mapped files.
        peak_anonymous: largest part of it that is no file, bytes; None where there is no /proc.
    """

    first_row_s: float
    rows: list[dict[str, float]]
    seconds: list[float]
    peak_rss: int
    peak_anonymous: int | None

    def mean(self, name: str, *, skip: int = 0) -> float:
        """Returns the mean of a metric over the rows that have it, without the first `skip`."""
        values = [row[name] for row in self.rows if name in row][skip:]
        return sum(values) / len(values)


def train(
    overrides: Mapping[str, object],
    *,
    workdir: Path,
    rows: int | None,
    mode: str = "train_and_eval",
    environment: Mapping[str, str] | None = None,
) -> RealRun:
    """Trains configs/synthetic.py with these fields changed, until so many rows are written.

    Args:
        overrides: fields of the config and their values, as "train.batch_size": 8.
        workdir: of the run; its output goes to `<workdir>.log`.
        rows: of metrics after which it is asked to save and stop; None: let it come to its end.
        mode: of `dfer_jax.main`.
        environment: variables set for the process beside those of this one.

    Raises:
        UserError: if it fails, or ends before it has written so many rows.
    """
    command = [sys.executable, "-m", "dfer_jax.main", f"--workdir={workdir}", f"--mode={mode}"]
    command += [f"--config={ROOT / 'configs' / 'synthetic.py'}"]
    command += [f"--config.{name}={value}" for name, value in overrides.items()]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "PYTHONPATH": path, **(environment or {})}
    log = workdir.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as output:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=output, env=variables)
        try:
            seconds, anonymous, status, peak_rss = _watch(child, workdir, start, rows)
        finally:
            if child.returncode is None:  # Ctrl-C: leave nothing at work
                child.kill()
    if len(seconds) < (rows or 1) or (status and rows is None):
        raise UserError(f"the training failed: {log.read_text().strip()[-2000:]}")
    with open(workdir / METRICS_FILE, encoding="utf-8") as file:
        metrics = [json.loads(line) for line in file][: len(seconds)]
    return RealRun(seconds[0], metrics, seconds, peak_rss, anonymous)


def fresh_cache(folder: Path) -> dict[str, str]:
    """Returns variables that make the product keep compiled programs below `folder`, nowhere else.

    What the caller has chosen for its own process (`JAX_COMPILATION_CACHE_DIR`) does not hold.
    """
    return {"XDG_CACHE_HOME": str(folder), "JAX_COMPILATION_CACHE_DIR": ""}


def _watch(
    child: subprocess.Popen, workdir: Path, start: float, rows: int | None
) -> tuple[list[float], int | None, int, int]:
    """Waits for the end; returns times of rows, most anonymous memory, status, peak memory."""
    seconds: list[float] = []
    most, stopping = None, False
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        now = time.perf_counter() - start
        seconds += [now] * (_count_rows(workdir) - len(seconds))
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            unit = 1 if sys.platform == "darwin" else 1024
            return seconds, most, child.returncode, usage.ru_maxrss * unit
        anonymous = _anonymous_bytes(child.pid)
        most = max(filter(None, (most, anonymous)), default=None)
        if rows is not None and len(seconds) >= rows and not stopping:
            child.send_signal(signal.SIGTERM)
            stopping = True
        time.sleep(_POLL_SECONDS)


def _count_rows(workdir: Path) -> int:
    try:
        return (workdir / METRICS_FILE).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _anonymous_bytes(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            found = [line.split()[1] for line in file if line.startswith("RssAnon:")]
    except OSError:
        return None
    return int(found[0]) * 1024 if found else None
