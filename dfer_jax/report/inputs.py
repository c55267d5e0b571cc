"""Reads what a run left in its work directory, checked and converted, for the report."""

import dataclasses
import json
import math
import os
import zipfile

import numpy as np
from jaxtyping import Float32, Float64, Integer

from dfer_jax.errors import UserError

Series = dict[str, tuple[np.ndarray, np.ndarray]]
"""Metric name -> epochs and values, both float64 [n] ordered by step; NaN where not finite."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One clip: its label, the predicted class and that class's probability in [0, 1]."""

    clip_id: str
    label: str
    prediction: str
    confidence: float
    peak_intensity: float  # NaN where the data set has no such ground truth

    @property
    def right(self) -> bool:
        """Whether the prediction is the label."""
        return self.label == self.prediction


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The contents of one `eval/<split>[.best].json`; shares are in [0, 1], NaN when absent."""

    file: str
    dataset: str
    split: str
    selection: str  # "last", "best on test" or "best on validation"
    step: int
    epoch: float
    model: str
    classes: list[str]
    num_clips: int
    war: float
    uar: float
    macro_f1: float
    loss: float
    confusion: Integer[np.ndarray, "k k"]  # rows: truth, columns: prediction
    predictions: list[Prediction]

    @property
    def correct(self) -> Integer[np.ndarray, " k"]:
        """Clips of each class predicted right."""
        return self.confusion.diagonal()

    @property
    def totals(self) -> Integer[np.ndarray, " k"]:
        """Clips of each class."""
        return self.confusion.sum(axis=1)

    @property
    def recall(self) -> Float64[np.ndarray, " k"]:
        """Recall of each class in [0, 1], NaN where it has no clip."""
        return np.where(self.totals > 0, self.correct / np.maximum(self.totals, 1), np.nan)

    @property
    def stem(self) -> str:
        """What the names of its other files in `eval/` start with."""
        return self.file.removesuffix(".json")


@dataclasses.dataclass(frozen=True)
class ClipArrays:
    """What the network computed for each clip, in the order of the evaluation's predictions."""

    features: Float32[np.ndarray, "n d"]
    gates: dict[str, Float32[np.ndarray, "n _"]]  # stage -> [n, c], mean over the frames


def read_evaluations(workdir: str) -> list[Evaluation]:
    """Returns the evaluations of `workdir`, the one to report in full first.

    Test splits come before validation, and the last epoch before a chosen one.

    Raises:
        UserError: if there is none, or one lacks something.
    """
    folder, names = os.path.join(workdir, "eval"), evaluation_files(workdir)
    if not names:
        raise UserError(f"no evaluation in {folder}; run dfer_jax.main with --mode eval first")
    found = [_evaluation(os.path.join(folder, name)) for name in names]
    return sorted(found, key=lambda e: (e.split == "validation", e.selection != "last", e.file))


def is_evaluated(workdir: str) -> bool:
    """Returns whether a work directory has an evaluation, which a report needs."""
    return bool(evaluation_files(workdir))


def read_arrays(workdir: str, evaluation: Evaluation) -> ClipArrays | None:
    """Returns what `eval/<stem>.features.npz` holds, joined by clip id; None without such a file.

    Raises:
        UserError: if the file is damaged or of other clips.
    """
    path = os.path.join(workdir, "eval", f"{evaluation.stem}.features.npz")
    if not os.path.exists(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            rows = {str(clip_id): row for row, clip_id in enumerate(file["clip_id"])}
            order = [rows[p.clip_id] for p in evaluation.predictions]
            arrays = {
                name: file[name][order].astype(np.float32)
                for name in file.files
                if name != "clip_id"
            }
        features = arrays.pop("features")
    except (KeyError, ValueError, IndexError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is damaged or of other clips than {evaluation.file} ({error}); "
            "evaluate again with --mode eval"
        ) from error
    if any(a.ndim != 2 or not np.isfinite(a).all() for a in (features, *arrays.values())):
        raise UserError(f"{path} must hold finite [n, d] arrays; evaluate again with --mode eval")
    return ClipArrays(features, {n.removeprefix("gates_"): a for n, a in arrays.items()})


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
            row = json.loads(line)
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


def evaluation_files(workdir: str) -> list[str]:
    """Returns the names of the evaluations; other JSON files of `eval/` are of other things."""
    folder = os.path.join(workdir, "eval")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [n for n in names if n.endswith(".json") and not n.endswith(".judged.json")]


def _evaluation(path: str) -> Evaluation:
    """Returns one evaluation file, converted and checked."""
    raw = read_json(path)
    if raw.get("task") == "frames":
        raise UserError(
            f"{path} is of single frames; such runs have pages of their own, which "
            "python -m dfer_jax.report writes"
        )
    try:
        classes = [str(name) for name in raw["classes"]]
        return Evaluation(
            file=os.path.basename(path),
            **{name: str(raw[name]) for name in ("dataset", "split", "selection")},
            **{name: int(raw[name]) for name in ("step", "num_clips")},
            **{name: _number(raw[name]) for name in ("epoch", "war", "uar", "macro_f1", "loss")},
            model=str(raw["model"]["name"]),
            classes=classes,
            confusion=_counts(raw["confusion"], len(classes)),
            predictions=[_prediction(entry, classes) for entry in raw["predictions"]],
        )
    except KeyError as error:
        raise UserError(f"{path} lacks {error}; evaluate again with --mode eval") from error
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise UserError(f"{path} is damaged ({error}); evaluate again with --mode eval") from error


def _counts(rows: list[list[int]], k: int) -> np.ndarray:
    """Returns the confusion matrix as integers [k, k]."""
    counts = np.array(rows)
    if k < 2 or counts.shape != (k, k) or counts.dtype.kind != "i" or counts.min() < 0:
        raise ValueError(f"confusion must be {k} x {k} counts, one row for each of the classes")
    return counts


def _prediction(entry: dict, classes: list[str]) -> Prediction:
    predicted = classes.index(entry["prediction"])
    return Prediction(
        clip_id=str(entry["clip_id"]),
        label=classes[classes.index(entry["label"])],
        prediction=classes[predicted],
        confidence=_number(entry["probabilities"][predicted]),
        peak_intensity=_number(entry.get("peak_intensity")),
    )


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
        value = json.loads(_read_text(path))
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); write it again") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold a JSON object; write it again")
    return value
