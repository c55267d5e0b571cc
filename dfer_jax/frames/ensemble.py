"""The weighted sum of what several networks say of the same frames (ABAW 2021).

Frames are matched by video and number, never by row. The command is `dfer_jax.clips.ensemble`.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from dfer_jax.errors import UserError, list_some
from dfer_jax.frames.evaluation import FrameEvaluation, read_evaluation, table, write_evaluation
from dfer_jax.frames.report import write_report

_STEPS = 20  # of the grid of weights
_MOST_FITTED = 4
_SMALLEST = 1e-7


def join(members: Sequence[FrameEvaluation]) -> list[FrameEvaluation]:
    """Returns the members with their frames in the order of the first, by video and number.

    Raises:
        UserError: if kinds, classes, frames or labels differ, or a frame is there twice.
    """
    first, *others = members
    return [first, *(_in_the_order_of(first, k, other) for k, other in enumerate(others, 2))]


def combine(
    members: Sequence[FrameEvaluation], weights: Float64[np.ndarray, " m"], *, space: str
) -> FrameEvaluation:
    """Returns the weighted sum of the members' probabilities, or of their logits.

    Args:
        members: of `join`.
        weights: not negative, summing to 1.
        space: `prob` or `logit`.

    Returns:
        Its logits have the probabilities that were summed: their logarithm (expressions), or
        log p / (1 - p) (action units).
    """
    mixed = np.tensordot(weights, _stack(members, space), axes=1)
    if space == "prob":
        p = np.clip(mixed, _SMALLEST, 1 - _SMALLEST)
        mixed = np.log(p) if members[0].kind == "expressions" else np.log(p / (1 - p))
    return dataclasses.replace(members[0], logits=mixed.astype(np.float32))


def fit_weights(
    members: Sequence[FrameEvaluation], *, space: str, edition: str
) -> Float64[np.ndarray, " m"]:
    """Returns the weights of the highest challenge score, of all in steps of .05.

    Of equal ones the first in the order of the grid, which begins with the first member alone.

    Args:
        members: on held-out videos, of `join`.
        space: `prob` or `logit`.
        edition: see `metrics.challenge_score`.

    Raises:
        UserError: if there are more than four members, too many for a grid.
    """
    if len(members) > _MOST_FITTED:
        raise UserError(
            f"weights of {len(members)} members are too many to fit on a grid (at most "
            f"{_MOST_FITTED}); give --weights"
        )
    stacked, zero = _stack(members, space), 0.5 if _in_halves(members[0], space) else 0.0

    def merit(weights: Float64[np.ndarray, " m"]) -> float:
        mixed = np.tensordot(weights, stacked, axes=1) - zero
        return dataclasses.replace(members[0], logits=mixed).scores().score(edition)

    return max(_simplex(len(members)), key=merit)


def _in_halves(member: FrameEvaluation, space: str) -> bool:
    """Whether an action unit is active above one half, and not above zero."""
    return space == "prob" and member.kind == "action_units"


def _stack(members: Sequence[FrameEvaluation], space: str) -> Float64[np.ndarray, "m n k"]:
    logits = np.stack([m.logits for m in members]).astype(np.float64)
    if space == "logit":
        return logits
    if members[0].kind == "action_units":
        return 1 / (1 + np.exp(-logits))
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def _simplex(count: int) -> Iterator[Float64[np.ndarray, " m"]]:
    """Yields all weights in steps of 1 / _STEPS that sum to 1, those of the first falling."""
    for rest in itertools.product(range(_STEPS + 1), repeat=count - 1):
        if sum(rest) <= _STEPS:
            yield np.array([_STEPS - sum(rest), *rest]) / _STEPS


def _in_the_order_of(first: FrameEvaluation, place: int, other: FrameEvaluation) -> FrameEvaluation:
    if (first.kind, first.classes) != (other.kind, other.classes):
        raise UserError(
            f"member {place} labels {other.kind} ({', '.join(other.classes)}), member 1 "
            f"{first.kind} ({', '.join(first.classes)}); combine networks of the same labels"
        )
    wanted, found = _keys(first, 1), _keys(other, place)
    rows = {key: row for row, key in enumerate(found)}
    missing = [key for key in wanted if key not in rows]
    if missing or len(wanted) != len(found):
        extra = sorted(set(found) - set(wanted))
        lines = [f"missing {v} frame {n}" for v, n in missing]
        lines += [f"extra {v} frame {n}" for v, n in extra]
        raise UserError(
            f"member {place} does not hold the frames of member 1: {len(missing):,} are missing, "
            f"{len(extra):,} are extra; evaluate both on the same split:\n{list_some(lines)}"
        )
    order = np.array([rows[key] for key in wanted], np.int64)
    arrays = {k: getattr(other, k)[order] for k in ("videos", "numbers", "labels", "mask")}
    unlike = (arrays["mask"] != first.mask) | (
        (arrays["labels"] != first.labels).reshape(len(order), -1).any(axis=1)
    )
    if unlike.any():
        lines = [f"{first.videos[i]} frame {first.numbers[i]}" for i in np.flatnonzero(unlike)]
        raise UserError(
            f"{len(lines):,} frames have other labels in member {place} than in member 1; evaluate "
            f"both on the same build of the data set:\n{list_some(lines)}"
        )
    return dataclasses.replace(other, **arrays, logits=other.logits[order])


def _keys(member: FrameEvaluation, place: int) -> list[tuple[str, int]]:
    keys = list(zip(member.videos.tolist(), member.numbers.tolist(), strict=True))
    if len(set(keys)) < len(keys):
        raise UserError(f"member {place} has a frame twice; evaluate it again with dfer eval")
    return keys


def combine_runs(
    paths: Sequence[str],
    *,
    weights: Float64[np.ndarray, " m"] | None,
    held_out: Sequence[str],
    space: str,
    edition: str,
    out: str,
) -> None:
    """Combines evaluations, prints each member's scores and the gain, writes the result.

    Args:
        paths: evaluation files, one per member.
        weights: one per member; None fits them on `held_out`.
        held_out: evaluation files of videos that are not tested on, one per member.
        space: `prob` or `logit`.
        edition: whose score chooses the weights and is printed.
        out: work directory of the result.

    Raises:
        UserError: if the files do not hold the same frames, or held-out videos are tested on.
    """
    read = [read_evaluation(path) for path in paths]
    members = join([member for member, _ in read])
    how = "given"
    if weights is None:
        weights = _fitted(members[0], held_out, space=space, edition=edition)
        how = "fitted on validation"
    result = combine(members, weights, space=space)
    print(_summary(members, weights, paths, edition=edition))
    scores = [m.scores().score(edition) for m in members]
    gain = result.scores().score(edition) - max(scores)
    print(f"weights {how}; gain over the best member {gain:+.4f}")
    facts = _about([about for _, about in read], paths, weights, how, space)
    path = write_evaluation(out, str(facts["split"]), result, facts)
    title = f"{facts['dataset']} {facts['split']}, {facts['selection']}"
    print(f"\n{table(result, title)}\nwrote {path}\nwrote {write_report(out)}")


def _summary(
    members: Sequence[FrameEvaluation],
    weights: Float64[np.ndarray, " m"],
    paths: Sequence[str],
    *,
    edition: str,
) -> str:
    lines = [f"{'weight':>7} {'score':>7} {'F1':>7} {'acc.':>7}  member"]
    for member, weight, path in zip(members, weights, paths, strict=True):
        s = member.scores()
        figures = f"{s.score(edition):7.4f} {s.macro_f1:7.4f} {s.accuracy:7.4f}"
        lines.append(f"{weight:7.3f} {figures}  {path}")
    return "\n".join(lines)


def _fitted(
    tested: FrameEvaluation, files: Sequence[str], *, space: str, edition: str
) -> Float64[np.ndarray, " m"]:
    """Weights from the members' evaluations of held-out videos."""
    held_out = join([read_evaluation(file)[0] for file in files])
    if both := sorted(set(held_out[0].videos) & set(tested.videos)):
        raise UserError(
            f"{len(both)} of the videos in {files[0]} are tested on, so they are not held out; "
            f"give --weights:\n{list_some(both)}"
        )
    return fit_weights(held_out, space=space, edition=edition)


def _about(
    members: Sequence[dict[str, Any]],
    paths: Sequence[str],
    weights: Float64[np.ndarray, " m"],
    how: str,
    space: str,
) -> dict[str, Any]:
    """The fields of the combined evaluation file, apart from its scores."""
    selections = dict.fromkeys(str(member["selection"]) for member in members)
    listed = [{"file": p, "weight": float(w)} for p, w in zip(paths, weights, strict=True)]
    return {
        "task": "frames",
        "dataset": " + ".join(dict.fromkeys(str(member["dataset"]) for member in members)),
        "split": members[0]["split"],
        "selection": f"ensemble ({', '.join(selections)}; weights {how})",
        "step": max(int(member["step"]) for member in members),
        "epoch": max(float(member["epoch"]) for member in members),
        "model": {"name": "ensemble", "kwargs": {"members": listed, "space": space}},
        "source": "ensemble",
    }
