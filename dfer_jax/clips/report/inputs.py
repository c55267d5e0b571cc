"""Reads what a run left in its work directory, checked and converted, for the report."""

import dataclasses
import os
import zipfile
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Integer

from dfer_jax.errors import UserError
from dfer_jax.runs.evaluation_files import ELSEWHERE, evaluation_files
from dfer_jax.runs.read_files import _number, read_json
from dfer_jax.runtime.numpy_files import read_npz


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


class Member(NamedTuple):
    """One evaluation that an ensemble combines; shares are in [0, 1]."""

    file: str
    weight: float
    war: float
    uar: float


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
    seen_before: str = ""  # a sentence on test clips that the weights may have seen
    members: tuple[Member, ...] = ()  # of an ensemble

    @property
    def correct(self) -> Integer[np.ndarray, " k"]:
        """Clips of each class predicted right."""
        return self.confusion.diagonal()

    @property
    def totals(self) -> Integer[np.ndarray, " k"]:
        """Clips of each class."""
        return self.confusion.sum(axis=1)

    @property
    def present(self) -> list[str]:
        """Names of the classes that the split has clips of; scores are means over these."""
        return [name for name, n in zip(self.classes, self.totals, strict=True) if n]

    @property
    def chance(self) -> float:
        """Recall in [0, 1] of even guessing among the classes that are present."""
        return 1 / max(1, len(self.present))

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

    Those on the data set trained on come first, test splits before validation, and the last epoch
    before a chosen one.

    Raises:
        UserError: if there is none, or one lacks something.
    """
    folder, names = os.path.join(workdir, "eval"), evaluation_files(workdir)
    if not names:
        raise UserError(f"no evaluation in {folder}; run dfer eval first")
    found = [_evaluation(os.path.join(folder, name)) for name in names]
    return sorted(
        found,
        key=lambda e: (ELSEWHERE in e.file, e.split == "validation", e.selection != "last", e.file),
    )


def read_arrays(workdir: str, evaluation: Evaluation) -> ClipArrays | None:
    """Returns what `eval/<stem>.features.npz` holds, joined by clip id; None without such a file.

    Raises:
        UserError: if the file is damaged or of other clips.
    """
    path = os.path.join(workdir, "eval", f"{evaluation.stem}.features.npz")
    if not os.path.exists(path):
        return None
    try:
        found = read_npz(path)
        rows = {str(clip_id): row for row, clip_id in enumerate(found.pop("clip_id"))}
        order = [rows[p.clip_id] for p in evaluation.predictions]
        arrays = {name: array[order].astype(np.float32) for name, array in found.items()}
        features = arrays.pop("features")
    except (KeyError, ValueError, IndexError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is damaged or of other clips than {evaluation.file} ({error}); "
            "evaluate again with dfer eval"
        ) from error
    if any(a.ndim != 2 or not np.isfinite(a).all() for a in (features, *arrays.values())):
        raise UserError(f"{path} must hold finite [n, d] arrays; evaluate again with dfer eval")
    return ClipArrays(features, {n.removeprefix("gates_"): a for n, a in arrays.items()})


def _evaluation(path: str) -> Evaluation:
    """Returns one evaluation file, converted and checked."""
    raw = read_json(path)
    if raw.get("task") == "frames":
        raise UserError(
            f"{path} is of single frames; such runs have pages of their own, which "
            "dfer report writes"
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
            seen_before=str(raw.get("seen_before", "")),
            members=tuple(map(_member, raw["model"].get("kwargs", {}).get("members", ()))),
        )
    except KeyError as error:
        raise UserError(f"{path} lacks {error}; evaluate again with dfer eval") from error
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise UserError(f"{path} is damaged ({error}); evaluate again with dfer eval") from error


def _counts(rows: list[list[int]], k: int) -> np.ndarray:
    """Returns the confusion matrix as integers [k, k]."""
    counts = np.array(rows)
    if k < 2 or counts.shape != (k, k) or counts.dtype.kind != "i" or counts.min() < 0:
        raise ValueError(f"confusion must be {k} x {k} counts, one row for each of the classes")
    return counts


def _member(entry: dict) -> Member:
    return Member(str(entry["file"]), *(_number(entry[k]) for k in ("weight", "war", "uar")))


def _prediction(entry: dict, classes: list[str]) -> Prediction:
    predicted = classes.index(entry["prediction"])
    return Prediction(
        clip_id=str(entry["clip_id"]),
        label=classes[classes.index(entry["label"])],
        prediction=classes[predicted],
        confidence=_number(entry["probabilities"][predicted]),
        peak_intensity=_number(entry.get("peak_intensity")),
    )
