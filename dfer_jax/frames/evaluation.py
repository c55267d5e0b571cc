"""What a network says of every frame, the challenges' scores of it, and the files of both."""

import dataclasses
import os
import zipfile
from typing import Any

import jax.numpy as jnp
import numpy as np

from dfer_jax.errors import UserError
from dfer_jax.frames import losses
from dfer_jax.frames.metrics import (
    ActionUnitScores,
    ExpressionScores,
    action_unit_counts,
    action_unit_scores,
    expression_scores,
)
from dfer_jax.results import metrics
from dfer_jax.runtime.durable_files import replacing, write_json
from dfer_jax.runtime.json_text import parse_json
from dfer_jax.runtime.numpy_files import read_npz

_ARRAYS = ("videos", "numbers", "labels", "mask", "logits")
_AT_ONCE = 4096  # frames whose scores are counted together


@dataclasses.dataclass(frozen=True)
class FrameEvaluation:
    """What a network says of every frame of some videos.

    Attributes:
        kind: `expressions` or `action_units`.
        classes: their names, in the order of the logits.
        videos: str `[n]`, the clip id of each frame.
        numbers: int32 `[n]`, its true number.
        labels: int8 `[n]` or `[n, 12]`; -1 where not known.
        mask: bool `[n]`, whether the frame counts.
        logits: float32 `[n, k]`, of all frames, labelled or not.
    """

    kind: str
    classes: tuple[str, ...]
    videos: np.ndarray
    numbers: np.ndarray
    labels: np.ndarray
    mask: np.ndarray
    logits: np.ndarray

    @property
    def confusion(self) -> np.ndarray:
        """Frames by truth (row) and prediction, of expressions."""
        k = len(self.classes)
        truth = self.labels[self.mask].astype(np.int64)
        cells = np.bincount(truth * k + self.logits[self.mask].argmax(-1), minlength=k * k)
        return cells.reshape(k, k)

    def scores(self) -> ExpressionScores | ActionUnitScores:
        """Returns F1 and accuracy.

        Raises:
            UserError: if no frame has a label.
        """
        if not self.mask.any():
            raise UserError("no frame to evaluate has a label; choose another split")
        if self.kind == "expressions":
            return expression_scores(self.confusion)
        labels = jnp.asarray(self.labels, jnp.int32)
        counts = action_unit_counts(jnp.asarray(self.logits >= 0), labels, jnp.asarray(self.mask))
        return action_unit_scores(counts)

    @property
    def loss(self) -> float:
        """Mean loss of the labelled frames in nats, without class weights."""
        loss = losses.cross_entropy if self.kind == "expressions" else losses.binary_cross_entropy
        total = 0.0
        for first in range(0, len(self.mask), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            labels = jnp.asarray(self.labels[part], jnp.int32)
            logits, mask = jnp.asarray(self.logits[part], jnp.float32), jnp.asarray(self.mask[part])
            total += float(loss(logits, labels, mask).sum())
        return total / max(1, int(self.mask.sum()))


def summary(result: FrameEvaluation) -> dict[str, Any]:
    """Returns every score of an evaluation, JSON-ready."""
    found = result.scores()
    per_class = dict(zip(result.classes, found.f1, strict=True))
    scores = {
        "kind": result.kind,
        "classes": list(result.classes),
        "num_frames": found.num_frames,
        "num_videos": len(np.unique(result.videos)),
        "macro_f1": found.macro_f1,
        "accuracy": found.accuracy,
        "f1": per_class,
        "score_abaw2": found.score("abaw2"),
        "score_abaw3": found.score("abaw3"),
        "loss": result.loss,
    }
    if isinstance(found, ActionUnitScores):
        active = result.labels[result.mask].mean(axis=0)
        shares = dict(zip(result.classes, active.tolist(), strict=True))
        return scores | {"exact_match": found.exact_match, "share_active": shares}
    recalls = metrics.scores(result.confusion)
    recall = {
        name: None if np.isnan(r) else float(r)
        for name, r in zip(result.classes, recalls.recall, strict=True)
    }
    return scores | {
        "war": recalls.war,
        "uar": recalls.uar,
        "recall": recall,
        "confusion": result.confusion.tolist(),
    }


def write_evaluation(
    workdir: str, file_name: str, result: FrameEvaluation, about: dict[str, Any]
) -> str:
    """Writes `<workdir>/eval/<file_name>.json` and `.frames.npz`; returns the former's path.

    The arrays are the fields of `FrameEvaluation`, all frames, labelled or not.

    Args:
        workdir: of the run.
        file_name: the split, with `.best` for the best epoch.
        result: what was measured.
        about: dataset, split, selection, step, epoch and model, stored as they are.
    """
    path = os.path.join(workdir, "eval", f"{file_name}.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    arrays = frames_file(path)
    with replacing(arrays, "wb") as file:
        np.savez_compressed(file, **{name: getattr(result, name) for name in _ARRAYS})
    write_json(path, about | summary(result))
    return path


def frames_file(path: str) -> str:
    """Returns where the arrays of an evaluation file lie."""
    return path.removesuffix(".json") + ".frames.npz"


def table(result: FrameEvaluation, title: str) -> str:
    """Returns the scores, with F1 by class, as text."""
    found = result.scores()
    extra = f"  exact match {found.exact_match:.4f}" if result.kind == "action_units" else ""
    lines = [
        f"{title}: macro-F1 {found.macro_f1:.4f}  accuracy {found.accuracy:.4f}{extra}  "
        f"loss {result.loss:.4f}  ({found.num_frames:,} frames)",
        f"challenge score {found.score('abaw2'):.4f} (2021), {found.score('abaw3'):.4f} (2022 on)",
        f"{'':>11} {'F1':>7} {'frames':>8}",
    ]
    if result.kind == "expressions":
        counts = result.confusion.sum(axis=1)
    else:
        counts = (result.labels[result.mask] == 1).sum(axis=0)
    for name, f1, count in zip(result.classes, found.f1, counts.tolist(), strict=True):
        lines.append(f"{name:>11} {f1:7.4f} {count:8,d}")
    return "\n".join(lines)


def read_evaluation(path: str) -> tuple[FrameEvaluation, dict[str, Any]]:
    """Reads what `write_evaluation` wrote: the arrays, and the fields of the JSON file.

    Raises:
        UserError: if a file is missing, damaged, or does not agree with the other.
    """
    try:
        with open(path, encoding="utf-8") as file:
            about = parse_json(file.read())
        if not isinstance(about, dict) or about.get("task") != "frames":
            raise UserError(f"{path} is not an evaluation of frames; give one of eval/<split>.json")
        found = read_npz(frames_file(path))
        arrays = {name: found[name] for name in _ARRAYS}
        result = FrameEvaluation(about["kind"], tuple(about["classes"]), **arrays)
        if result.logits.shape != (len(result.numbers), len(result.classes)):
            raise ValueError("its logits have another shape than its frames and classes")
        if not np.isfinite(result.logits).all():
            raise ValueError("a logit is not finite")
        if int(result.mask.sum()) != about["num_frames"]:
            raise ValueError("the two files are of different evaluations")
    except OSError as error:
        raise UserError(
            f"{error.filename or path} cannot be read ({error.strerror}); give a work directory "
            "that was evaluated, or one of its eval/<split>.json"
        ) from error
    except (KeyError, TypeError, ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise UserError(f"{path} is damaged ({reason}); evaluate again with dfer eval") from error
    return result, about
