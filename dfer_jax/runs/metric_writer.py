"""Scalars of a run, to `metrics.jsonl` and TensorBoard."""

import json
import math
import os
import shutil
from collections.abc import Mapping
from typing import Any

from absl import logging

from dfer_jax.runs.read_files import read_bytes
from dfer_jax.runs.tensorboard_events import TensorBoardEvents
from dfer_jax.runtime.durable_files import replacing
from dfer_jax.runtime.json_text import parse_object

METRICS_FILE = "metrics.jsonl"


class MetricWriter:
    """Appends rows of scalars; rows past the step a run resumes from are dropped first.

    A context manager.
    """

    def __init__(
        self, workdir: str, *, start_step: int, unmeasured: bool = False, enabled: bool = True
    ) -> None:
        """Opens the files of `workdir`, keeping only rows up to `start_step`.

        Args:
            workdir: of the run.
            start_step: the step it goes on from.
            unmeasured: whether that step's evaluation is still to come: a row of it is dropped too.
            enabled: False on all processes but the one that writes: then nothing is touched.
        """
        self._enabled = enabled
        if not enabled:
            return
        path = os.path.join(workdir, METRICS_FILE)
        _drop_rows_after(path, start_step, unmeasured=unmeasured)
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 closed by __exit__
        self._events = TensorBoardEvents(
            os.path.join(workdir, "tensorboard"), first_step=start_step + 1
        )

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if not self._enabled:
            return
        for file in (self._file, self._events):
            try:
                file.close()
            except OSError:  # after an error, and its consequence
                if kind is None:
                    raise

    def sync(self) -> None:
        """Puts the rows on the disk, as a checkpoint that goes on after them needs."""
        if self._enabled:
            os.fsync(self._file.fileno())
            self._events.flush()

    def write(self, step: int, epoch: float, scalars: Mapping[str, float]) -> None:
        """Writes one row: step, epoch and the scalars; what is not finite becomes null."""
        if not self._enabled:
            return
        finite = {k: float(v) if math.isfinite(v) else None for k, v in scalars.items()}
        row = {"step": step, "epoch": round(epoch, 4), **finite}
        try:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
        except OSError as error:
            error.filename = self._file.name  # Python does not tell that of a write
            raise
        self._events.write(step, {k: v for k, v in finite.items() if v is not None})


def read_metrics(workdir: str) -> list[dict[str, float | int | None]]:
    """Returns the rows of `metrics.jsonl`; lines that a kill or a power loss damaged are left out.

    Raises:
        UserError: if the file cannot be read.
    """
    return _read_rows(os.path.join(workdir, METRICS_FILE))[0]


def _read_rows(path: str) -> tuple[list[dict[str, float | int | None]], list[int]]:
    """The rows of a file, and the numbers of the damaged lines that are not its end."""
    if not os.path.exists(path):
        return [], []
    rows, damaged, last = [], [], 0
    for number, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        try:
            row = parse_object(line.decode("utf-8"))
        except ValueError:
            if line:
                damaged.append(number)
            continue
        if _is_row(row):
            rows.append(row)
            last = number
        else:
            damaged.append(number)
    return rows, [number for number in damaged if number < last]


def _is_row(row: dict[str, Any]) -> bool:
    """Whether a line is what `MetricWriter.write` writes: numbers, or null but for the step."""
    numbers = [value for name, value in row.items() if name != "step"]
    return type(row.get("step")) is int and all(
        value is None or (type(value) in (int, float) and math.isfinite(value)) for value in numbers
    )


def _drop_rows_after(path: str, step: int, *, unmeasured: bool) -> None:
    """Rewrites the file without rows past `step`, so that a resumed run repeats no row."""
    rows, damaged = _read_rows(path)
    if not os.path.exists(path):
        return
    if damaged:
        shutil.copyfile(path, path + ".damaged")
        lines = ", ".join(map(str, damaged[:20]))
        logging.warning(
            "%s is damaged in line %s, left out; %s.damaged keeps it as it was", path, lines, path
        )
    kept = [row for row in rows if row["step"] <= step]
    if unmeasured:
        kept = [row for row in kept if row["step"] < step or "train/loss" in row]
    with replacing(path) as file:
        file.writelines(json.dumps(row) + "\n" for row in kept)
