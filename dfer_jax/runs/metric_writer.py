"""Scalars of a run, to `metrics.jsonl` and TensorBoard."""

import json
import math
import os
from collections.abc import Mapping

from tensorboardX import SummaryWriter

METRICS_FILE = "metrics.jsonl"


class MetricWriter:
    """Appends rows of scalars; rows past the step a run resumes from are dropped first.

    A context manager.
    """

    def __init__(self, workdir: str, *, start_step: int, enabled: bool = True) -> None:
        """Opens the files of `workdir`, keeping only rows up to `start_step`.

        Args:
            workdir: of the run.
            start_step: the step it goes on from.
            enabled: False on all processes but the one that writes: then nothing is touched.
        """
        self._enabled = enabled
        if not enabled:
            return
        path = os.path.join(workdir, METRICS_FILE)
        _drop_rows_after(path, start_step)
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 closed by __exit__
        self._tensorboard = SummaryWriter(
            os.path.join(workdir, "tensorboard"), purge_step=start_step + 1
        )

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            self._file.close()
            self._tensorboard.close()

    def write(self, step: int, epoch: float, scalars: Mapping[str, float]) -> None:
        """Writes one row: step, epoch and the scalars; what is not finite becomes null."""
        if not self._enabled:
            return
        finite = {k: float(v) if math.isfinite(v) else None for k, v in scalars.items()}
        row = {"step": step, "epoch": round(epoch, 4), **finite}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for name, value in finite.items():
            if value is not None:
                self._tensorboard.add_scalar(name, value, step)


def read_metrics(workdir: str) -> list[dict[str, float | int | None]]:
    """Returns the rows of `metrics.jsonl`; a last line cut off by a kill is left out."""
    path = os.path.join(workdir, METRICS_FILE)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


def _drop_rows_after(path: str, step: int) -> None:
    """Rewrites the file without rows past `step`, so that a resumed run repeats no row."""
    rows = read_metrics(os.path.dirname(path))
    if not os.path.exists(path):
        return
    kept = [row for row in rows if row["step"] <= step]
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in kept)
    os.replace(path + ".new", path)
