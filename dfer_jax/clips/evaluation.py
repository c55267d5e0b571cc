"""Evaluation: every clip once, one confusion matrix, per-clip predictions on disk."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import PyTree

from dfer_jax.errors import UserError, counted
from dfer_jax.results import metrics
from dfer_jax.runtime import processes
from dfer_jax.runtime.durable_files import replacing, write_json
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training import losses, test_views
from dfer_jax.training.augment.crops import resize_clips

_CLIP_FACTS = ("clip_id", "peak_intensity", "frame_index")
_MOST_IN_TABLE = 12  # classes; of more the printed matrix would not fit a line
_LARGEST = 65504.0  # of float16, in which arrays per clip are kept


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The outcome on one split.

    Attributes:
        classes: the k names, in the order of everything else.
        confusion: int `[k, k]`, rows truth.
        loss: mean cross-entropy in nats.
        predictions: one JSON-ready dict per clip, in the order of the split.
        arrays: what the network computed per clip, float16 in the order of `predictions`:
            `features` `[n, d]`, and `gates_<stage>` `[n, c]`, the mean over the frames.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray
    loss: float
    predictions: list[dict[str, Any]]
    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def scores(self) -> metrics.Scores:
        """WAR, UAR, recall and F1."""
        return metrics.scores(self.confusion)


def make_eval_step(
    model: nn.Module,
    *,
    image_size: int,
    parallel: Parallel,
    logits_of: Sequence[int] | None = None,
    view_average: str = "probabilities",
) -> Callable:
    """Returns `step(variables, batch) -> (sums over all devices, arrays per clip)`.

    The arrays are `probabilities` and those of `Evaluation.arrays`.

    Args:
        model: k logits.
        image_size: of its clips.
        parallel: of the compiled step.
        logits_of: places of the logits to choose among, as if the model had no others; None: all.
        view_average: of clips with several views, `FrameProtocol.view_average`.
    """

    def step(variables: PyTree, batch: dict[str, jax.Array]) -> tuple[PyTree, PyTree]:
        clips, views = test_views.in_a_row(batch["clips"])
        clips = resize_clips(clips, image_size=image_size)
        logits, out = model.apply(variables, clips, train=False)
        if logits_of is not None:
            logits = logits[:, np.array(logits_of)]
        logits = test_views.average_logits(logits, views, of=view_average)
        labels, mask = batch["labels"], batch["mask"]
        loss = losses.cross_entropy(logits, labels)
        confusion = metrics.confusion_counts(
            logits.argmax(-1), labels, mask, num_classes=logits.shape[-1]
        )
        sums = {"confusion": confusion, "loss": jnp.sum(loss, where=mask)}
        gates = {f"gates_{k}": gate.mean(axis=1) for k, gate in out.get("gates", {}).items()}
        kept = {"features": out["features"], **gates}
        kept = {k: _half(test_views.mean(x, views)) for k, x in kept.items()}
        if "key_instants" in out:
            kept["key_instants"] = out["key_instants"][::views]  # of the first view
        return parallel.sum(sums), {"probabilities": jax.nn.softmax(logits), **kept}

    return parallel.compile_eval(step)


def _half(x: jax.Array) -> jax.Array:
    return jnp.clip(x, -_LARGEST, _LARGEST).astype(jnp.float16)


def evaluate(
    eval_step: Callable,
    variables: PyTree,
    batches: Iterable[dict[str, np.ndarray]],
    parallel: Parallel,
    *,
    classes: Sequence[str],
) -> Evaluation:
    """Runs the model over all batches; masked rows count in nothing.

    With several processes each brings its own rows of the same number of batches, and all return
    the same result.

    Args:
        eval_step: of `make_eval_step`.
        variables: `{"params", "batch_stats"}`.
        batches: of `data.pipeline.evaluation_batches`, on the host.
        parallel: the same as the step's.
        classes: what the logits, and the labels of the batches, mean.

    Raises:
        UserError: if there is no clip, or a prediction is not finite.
    """
    pending, facts = [], []
    for batch in batches:
        facts.append({k: batch[k] for k in (*_CLIP_FACTS, "labels", "mask") if k in batch})
        arrays = {k: batch[k] for k in ("clips", "labels", "mask")}
        pending.append(eval_step(variables, parallel.put(arrays)))
        if len(pending) > 1:  # one batch in flight: the host decodes while the device computes
            jax.block_until_ready(pending[-2])
    if not pending:
        raise UserError("the split to evaluate has no clip")
    sums, kept = zip(*jax.device_get(pending), strict=True)
    facts, kept = _whole_batches(facts, kept)
    probabilities = [arrays.pop("probabilities") for arrays in kept]
    instants = [arrays.pop("key_instants", None) for arrays in kept]
    confusion = np.sum([s["confusion"] for s in sums], axis=0)
    loss = float(np.sum([s["loss"] for s in sums]) / confusion.sum())
    predictions = [
        row
        for fact, p, key in zip(facts, probabilities, instants, strict=True)
        for row in _rows(fact, p, key, classes)
    ]
    if not np.isfinite(np.concatenate(probabilities)).all():
        raise UserError("the model's predictions are not finite; its training diverged")
    masks = [fact["mask"] for fact in facts]
    arrays = {
        name: np.concatenate([a[name][mask] for a, mask in zip(kept, masks, strict=True)])
        for name in kept[0]
    }
    return Evaluation(tuple(classes), confusion, loss, predictions, arrays)


def _whole_batches(
    facts: list[dict[str, np.ndarray]], kept: Sequence[dict[str, np.ndarray]]
) -> tuple[list[dict[str, np.ndarray]], Sequence[dict[str, np.ndarray]]]:
    """Joins what every process read and computed of each batch; all must call it."""
    if jax.process_count() == 1:
        return facts, kept
    of_processes = processes.gather([{k: v.tolist() for k, v in f.items()} for f in facts])
    whole = [
        {
            # A process that read only padding of a batch has fewer facts about it.
            name: np.concatenate([part.get(name, [0] * len(part["mask"])) for part in parts])
            for name in parts[0]
        }
        for parts in zip(*of_processes, strict=True)
    ]
    arrays = {k: processes.gather_rows(np.stack([part[k] for part in kept])) for k in kept[0]}
    return whole, [{k: v[i] for k, v in arrays.items()} for i in range(len(kept))]


def _rows(
    facts: dict[str, np.ndarray],
    probabilities: np.ndarray,
    key_instants: np.ndarray | None,
    classes: Sequence[str],
) -> list[dict[str, Any]]:
    """One dict per unmasked clip: id, truth and prediction by name, probabilities.

    `key_frames` are the places in the clip of the model's key instants, strongest first.
    """
    rows = []
    for i in np.flatnonzero(facts["mask"]):
        row = {
            "clip_id": str(facts["clip_id"][i]),
            "label": classes[facts["labels"][i]],
            "prediction": classes[int(probabilities[i].argmax())],
            "probabilities": [round(float(p), 6) for p in probabilities[i]],
        }
        if "peak_intensity" in facts:
            row["peak_intensity"] = round(float(facts["peak_intensity"][i]), 4)
        if key_instants is not None:
            row["key_frames"] = facts["frame_index"][i][key_instants[i]].tolist()
        rows.append(row)
    return rows


def write_evaluation(workdir: str, file_name: str, result: Evaluation, about: dict) -> str:
    """Writes `<workdir>/eval/<file_name>.json` and `.features.npz`; returns the former's path.

    The arrays are joined to the predictions by `clip_id`.

    Args:
        workdir: of the run.
        file_name: the split, with `.best` for the best epoch.
        result: what was measured.
        about: dataset, split, selection, step, epoch and model, stored as they are.
    """
    scores = result.scores
    recall = {
        name: None if np.isnan(r) else r
        for name, r in zip(result.classes, scores.recall, strict=True)
    }
    path = os.path.join(workdir, "eval", f"{file_name}.json")
    _write_arrays(os.path.join(workdir, "eval", f"{file_name}.features.npz"), result)
    write_json(
        path,
        {
            **about,
            "classes": list(result.classes),
            "num_clips": scores.num_clips,
            "war": scores.war,
            "uar": scores.uar,
            "macro_f1": scores.macro_f1,
            "recall": recall,
            "loss": result.loss,
            "confusion": result.confusion.tolist(),
            "predictions": result.predictions,
        },
    )
    return path


def _write_arrays(path: str, result: Evaluation) -> None:
    """Writes the arrays per clip in one move, or removes those of an earlier evaluation."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not result.arrays:
        if os.path.exists(path):
            os.remove(path)
        return
    clip_ids = np.array([row["clip_id"] for row in result.predictions])
    with replacing(path, "wb") as file:
        np.savez(file, allow_pickle=False, clip_id=clip_ids, **result.arrays)


def table(result: Evaluation, title: str) -> str:
    """Returns WAR, UAR, per-class recall and the confusion matrix as text with class names."""
    scores, classes = result.scores, result.classes
    many = len(classes) > _MOST_IN_TABLE
    width = max(11, *map(len, classes))
    head = "most often taken for" if many else "predicted " + " ".join(_heads(classes))
    lines = [
        f"{title}: WAR {scores.war:.4f}  UAR {scores.uar:.4f}  macro-F1 {scores.macro_f1:.4f}  "
        f"loss {result.loss:.4f}  ({counted(scores.num_clips, 'clip')})",
        f"{'truth':>{width}} {'recall':>7} {'clips':>6} | {head}",
    ]
    for i, (name, recall) in enumerate(zip(classes, scores.recall, strict=True)):
        row = result.confusion[i]
        shown = "      -" if np.isnan(recall) else f"{recall:7.4f}"
        counts = " " * 10 + " ".join(f"{n:6d}" for n in row)
        said = _taken_for(classes, i, row) if many else counts
        lines.append(f"{name:>{width}} {shown} {row.sum():6d} | {said}")
    return "\n".join(lines)


def _heads(classes: Sequence[str]) -> list[str]:
    """Names cut to the width of their columns; those that would look alike get their number."""
    cut = [name[:6] for name in classes]
    alike = {name for name in cut if cut.count(name) > 1}
    return [
        f"{name[:3]}.{i + 1:02d}" if name in alike else f"{name:>6}" for i, name in enumerate(cut)
    ]


def _taken_for(classes: Sequence[str], label: int, row: np.ndarray) -> str:
    """The three classes, others than its own, that clips of a class are taken for most often."""
    wrong = [i for i in np.argsort(-row, kind="stable") if i != label and row[i]][:3]
    return ", ".join(f"{classes[i]} {row[i]}" for i in wrong)
