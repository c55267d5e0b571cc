"""Reads the files of a run, refusing damaged ones in a sentence."""

import json
import math
import os
from collections.abc import Mapping

import numpy as np

from dfer_jax.errors import UserError
from dfer_jax.runtime.json_text import parse_object

Series = dict[str, tuple[np.ndarray, np.ndarray]]
"""Metric name -> epochs and values, both float64 [n] ordered by step; NaN where not finite."""


def read_metrics(workdir: str) -> tuple[Series, list[str]]:
    """Returns the logged curves of `metrics.jsonl` and sentences on anything odd in it.

    A step logged twice, as after a resume, counts once with its later values. A line cut short
    by a killed process is left out and named in the sentences. Imported weights have no training
    and no such file; then there are no curves.
    """
    path = os.path.join(workdir, "metrics.jsonl")
    lines = _read_text(path).splitlines() if os.path.exists(path) else []
    rows: dict[str, dict[float, tuple[float, float]]] = {}
    torn, not_finite = [], {}
    for number, line in enumerate(lines, start=1):
        try:
            row = parse_object(line)
            step, epoch = float(row["step"]), float(row["epoch"])
            values = {name: _number(row[name]) for name in row if "/" in name}
        except (ValueError, TypeError, KeyError, OverflowError):
            torn.append(str(number))
            continue
        for name, value in values.items():
            rows.setdefault(name, {})[step] = (epoch, value)
    series = {}
    for name, points in rows.items():
        epochs, values = np.array([points[step] for step in sorted(points)]).T
        series[name] = (epochs, values)
        if not np.isfinite(values).all():
            not_finite[name] = epochs[~np.isfinite(values)]
    notes = [
        f"{name} is not a finite number at {len(at)} logged points, first in epoch {at[0]:g}; "
        "the curve has gaps there."
        for name, at in not_finite.items()
    ]
    if torn:
        notes.append(f"Unreadable lines of metrics.jsonl were left out: {', '.join(torn)}.")
    return series, notes


def _number(value: float | None) -> float:
    """Returns a JSON number as a float; null and infinities become NaN."""
    value = math.nan if value is None else float(value)
    return value if math.isfinite(value) else math.nan


def read_bytes(path: str) -> bytes:
    """Returns the contents of a file of a work directory.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}); give the work directory of a trained run"
        ) from error


def _read_text(path: str) -> str:
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text ({error}); it is damaged") from error


def read_json(path: str) -> dict:
    """Returns the JSON object in the file at `path`.

    Raises:
        UserError: if the file is missing or holds something else.
    """
    try:
        return parse_object(_read_text(path))
    except ValueError as error:
        raise UserError(f"{path} is not a JSON object ({error}); write it again") from error


def flat_fields(config: Mapping, prefix: str = "") -> dict[str, str]:
    """Returns the fields of nested mappings as dotted names with their JSON values."""
    fields = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            fields |= flat_fields(value, f"{prefix}{name}.")
        else:
            fields[f"{prefix}{name}"] = json.dumps(value, ensure_ascii=False)
    return fields


def read_config(workdir: str) -> dict[str, str]:
    """Returns the run's configuration by dotted field; imported weights have none."""
    path = os.path.join(workdir, "config.json")
    return flat_fields(read_json(path)) if os.path.exists(path) else {}
