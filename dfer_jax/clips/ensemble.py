r"""Combines saved predictions: Y = sum of w_i * Y_i on probabilities (Optimized IAL, Eq. 8).

Clips are matched by id. The weights are given, or fitted on predictions for held-out training
clips (`eval/validation.json` of runs with data.validation_fraction > 0); two members try the
paper's grid, beta = 0, .05, ... 1. The test clips choose the weights only if you say
--select_on_test, which is what the paper did; the results then say so.

    python -m dfer_jax.clips.ensemble runs/ce_fold1 runs/star_fold1 --out runs/f_fold1
    python -m dfer_jax.clips.ensemble runs/a_fold1/eval/fd1.best.json runs/b_fold1 --weights=.3,.7 \
        --out runs/ab_fold1

Runs on videos labelled frame by frame (ABAW 2021) are combined frame by frame; fitted are then the
weights in steps of .05 with the highest challenge score. The paper says neither its weights nor
whether it sums probabilities or logits (--space=logit).

    python -m dfer_jax.clips.ensemble runs/cnn runs/gru runs/transformer --weights=.6,.2,.2 --out runs/all
"""

import os
from collections.abc import Sequence

import numpy as np
from absl import app, flags, logging
from jaxtyping import Float64

from dfer_jax import errors
from dfer_jax.clips import predictions, report
from dfer_jax.clips.evaluation import Evaluation, table, write_evaluation
from dfer_jax.clips.predictions import Predictions
from dfer_jax.errors import UserError, list_some
from dfer_jax.frames import ensemble as frames
from dfer_jax.labels import CLASSES
from dfer_jax.results import metrics
from dfer_jax.results.ensemble_weights import check_free, fit_weights, given_weights, mean_log_loss
from dfer_jax.runs import evaluation_files

GIVEN, ON_VALIDATION, ON_TEST = "given", "fitted on validation", "chosen on test"

_OUT = flags.DEFINE_string("out", None, "New work directory for the combined evaluation")
_WEIGHTS = flags.DEFINE_list("weights", None, "One weight per member, summing to 1: .3,.7")
_FIT_ON = flags.DEFINE_list(
    "fit_on", None, "Fit on these evaluation files, one per member; default: their validation files"
)
_SELECT_ON_TEST = flags.DEFINE_bool(
    "select_on_test", False, "Choose the weights on the test clips, as the paper does: optimistic"
)
_SPACE = flags.DEFINE_enum("space", "prob", ["prob", "logit"], "What is summed, of frames")
_EDITION = flags.DEFINE_enum(
    "edition", "abaw2", ["abaw2", "abaw3"], "Whose score counts, of frames (abaw3: 2022 and later)"
)


def combine(members: Sequence[Predictions], weights: Float64[np.ndarray, " m"]) -> Evaluation:
    """Returns the evaluation of the weighted mean of the members' probabilities.

    Args:
        members: matched by `predictions.join`.
        weights: not negative, summing to 1.

    Returns:
        Confusion matrix, mean negative log-likelihood in nats (of probabilities stored with six
        digits, so taken as at least 1e-6) and predictions, in the order of the first member.

    Raises:
        UserError: if the members' classes are not `labels.CLASSES`, in that order.
    """
    first = members[0]
    if first.classes != CLASSES:
        raise UserError(
            f"the classes of {first.path} are {', '.join(first.classes)}; expected "
            f"{', '.join(CLASSES)}, in that order; evaluate again with --mode eval"
        )
    mixed = np.tensordot(weights, np.stack([m.probabilities for m in members]), axes=1)
    predicted = mixed.argmax(1)
    rows = [
        {
            "clip_id": clip_id,
            "label": first.classes[label],
            "prediction": first.classes[answer],
            "probabilities": [round(float(p), 6) for p in share],
        }
        | ({} if np.isnan(peak) else {"peak_intensity": float(peak)})
        for clip_id, label, answer, share, peak in zip(
            first.clip_ids, first.labels, predicted, mixed, first.peak_intensities, strict=True
        )
    ]
    counts = predictions.confusion_of(first.labels, predicted, num_classes=len(first.classes))
    return Evaluation(counts, mean_log_loss(mixed, first.labels), rows)


def held_out(members: Sequence[Predictions], files: Sequence[str] | None) -> list[Predictions]:
    """Returns the members' predictions on held-out clips, joined.

    Args:
        members: on the test clips.
        files: one per member; None for the validation file beside each member's own.

    Raises:
        UserError: if one does not exist, or its clips are test clips.
    """
    paths = held_out_files([m.path for m in members], files)
    found = predictions.join([predictions.read(path) for path in paths])
    if both := sorted(set(found[0].clip_ids) & set(members[0].clip_ids)):
        raise UserError(
            f"{len(both)} clips of {paths[0]} are test clips, so they are not held out; name other "
            f"files, or say --select_on_test:\n{list_some(both)}"
        )
    return found


def held_out_files(members: Sequence[str], files: Sequence[str] | None) -> list[str]:
    """Returns the evaluation files of held-out clips or videos: those given, or beside the members.

    Raises:
        UserError: if one does not exist, or their number is another.
    """
    if files is not None and len(files) != len(members):
        raise UserError(f"--fit_on names {len(files)} files for {len(members)} members; one each")
    paths = list(files or map(evaluation_files.validation_file, members))
    if absent := [path for path in paths if not os.path.isfile(path)]:
        raise UserError(
            "no held-out predictions to fit the weights on; train the members with "
            "--config.data.validation_fraction=0.1, or give --weights, or (clips only) "
            f"--select_on_test to choose on test as the paper does. Missing:\n{list_some(absent)}"
        )
    return paths


def choose_weights(members: Sequence[Predictions]) -> tuple[Float64[np.ndarray, " m"], str]:
    """Returns the weights the flags ask for, and how they came about.

    Raises:
        UserError: if they cannot be had.
    """
    if _WEIGHTS.value:
        return given_weights(_WEIGHTS.value, members=len(members)), GIVEN
    fit_on = list(members) if _SELECT_ON_TEST.value else held_out(members, _FIT_ON.value)
    stacked = np.stack([m.probabilities for m in fit_on])
    how = ON_TEST if _SELECT_ON_TEST.value else ON_VALIDATION
    return fit_weights(stacked, fit_on[0].labels), how


def about(
    members: Sequence[Predictions], weights: Float64[np.ndarray, " m"], how: str
) -> dict[str, object]:
    """Returns the fields of the combined evaluation file, apart from its scores."""
    selections = list(dict.fromkeys(str(m.about["selection"]) for m in members))
    scores = [metrics.scores(m.confusion) for m in members]
    listed = [
        {"file": m.path, "weight": float(w), "war": s.war, "uar": s.uar}
        for m, w, s in zip(members, weights, scores, strict=True)
    ]
    return {
        "dataset": " + ".join(dict.fromkeys(str(m.about["dataset"]) for m in members)),
        "split": members[0].about["split"],
        "selection": f"ensemble ({', '.join(selections)}; weights {how})",
        "step": max(int(m.about["step"]) for m in members),
        "epoch": max(float(m.about["epoch"]) for m in members),
        "model": {"name": "ensemble", "kwargs": {"members": listed}},
        "source": "ensemble",
    }


def summary(
    members: Sequence[Predictions], weights: Float64[np.ndarray, " m"], how: str, war: float
) -> str:
    """Returns the members with weight, WAR and UAR, and the gain in WAR over the best of them."""
    lines = [f"{'weight':>7} {'WAR':>7} {'UAR':>7}  member"]
    wars = []
    for member, weight in zip(members, weights, strict=True):
        scores = metrics.scores(member.confusion)
        wars.append(scores.war)
        lines.append(f"{weight:7.3f} {scores.war:7.4f} {scores.uar:7.4f}  {member.path}")
    gain, clips = war - max(wars), len(members[0])
    lines.append(
        f"weights {how}; gain over the best member {100 * gain:+.2f} points of WAR, "
        f"{round(gain * clips):+d} of {clips} clips"
    )
    if how == ON_TEST:
        lines.append("These test clips chose the weights that they score: an optimistic figure.")
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    """Combines the evaluations named on the command line and writes the report of the result."""
    if len(argv) < 3:
        raise app.UsageError("give two or more work directories or eval/<split>.json files")
    asked = [f"--{f.name}" for f in (_WEIGHTS, _FIT_ON, _SELECT_ON_TEST) if f.value]
    if len(asked) > 1:
        raise app.UsageError(f"{' and '.join(asked)} exclude each other")
    check_free(_OUT.value)
    paths = [evaluation_files.evaluation_file(path) for path in argv[1:]]
    if evaluation_files.is_of_frames(paths[0]):
        _combine_frames(paths)
        return
    members = predictions.join([predictions.read(path) for path in paths])
    weights, how = choose_weights(members)
    result = combine(members, weights)
    print(summary(members, weights, how, result.scores.war))
    facts = about(members, weights, how)
    path = write_evaluation(_OUT.value, str(facts["split"]), result, facts)
    title = f"{facts['dataset']} {facts['split']}, {facts['selection']}"
    print(f"\n{table(result, title)}")
    print(f"wrote {path}\nwrote {report.write_report(_OUT.value)}")


def _combine_frames(paths: Sequence[str]) -> None:
    weights, fit_on = None, ()
    if _WEIGHTS.value:
        weights = given_weights(_WEIGHTS.value, members=len(paths))
    elif _SELECT_ON_TEST.value:
        raise app.UsageError("--select_on_test is for clips; fit on held-out videos, of frames")
    else:
        fit_on = held_out_files(paths, _FIT_ON.value)
    frames.combine_runs(
        paths,
        weights=weights,
        held_out=fit_on,
        space=_SPACE.value,
        edition=_EDITION.value,
        out=_OUT.value,
    )


if __name__ == "__main__":
    flags.mark_flag_as_required("out")
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
