"""The weighted mean of what several networks say of the same clips (Optimized IAL, Eq. 8)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from dfer_jax.clips import predictions, report
from dfer_jax.clips.evaluation import Evaluation, table, write_evaluation
from dfer_jax.clips.predictions import Predictions
from dfer_jax.errors import UserError, list_some
from dfer_jax.results import metrics
from dfer_jax.results.ensemble_weights import fit_weights, given_weights, mean_log_loss
from dfer_jax.runs import evaluation_files

GIVEN, ON_VALIDATION, ON_TEST = "given", "fitted on validation", "chosen on test"


def combine(members: Sequence[Predictions], weights: Float64[np.ndarray, " m"]) -> Evaluation:
    """Returns the evaluation of the weighted mean of the members' probabilities.

    Args:
        members: matched by `predictions.join`.
        weights: not negative, summing to 1.

    Returns:
        Confusion matrix, mean negative log-likelihood in nats (of probabilities stored with six
        digits, so taken as at least 1e-6) and predictions, in the order of the first member.
    """
    first = members[0]
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
    return Evaluation(first.classes, counts, mean_log_loss(mixed, first.labels), rows)


def held_out(members: Sequence[Predictions], files: Sequence[str] | None) -> list[Predictions]:
    """Returns the members' predictions on held-out clips, joined.

    Args:
        members: on the test clips.
        files: one per member; None for the validation file beside each member's own.

    Raises:
        UserError: if one does not exist, its clips are test clips, or those beside a member are
            training clips of weights that others trained.
    """
    paths = evaluation_files.held_out_files([m.path for m in members], files)
    read = [predictions.read(path) for path in paths]
    if not files and (seen := [p for p in read if _trained_elsewhere(p)]):
        raise UserError(
            f"{seen[0].path} is of imported weights, whose authors trained on these clips: they "
            "are not held out; give --weights, or with --fit_on evaluations of clips that no "
            "member was trained on"
        )
    found = predictions.join(read)
    if both := sorted(set(found[0].clip_ids) & set(members[0].clip_ids)):
        raise UserError(
            f"{len(both)} clips of {paths[0]} are test clips, so they are not held out; name other "
            f"files, or say --select_on_test:\n{list_some(both)}"
        )
    return found


def _trained_elsewhere(found: Predictions) -> bool:
    """Whether weights that were imported were trained on the data set of these clips."""
    names = (str(found.about.get(name, "")) for name in ("trained_on", "dataset"))
    trained_on, dataset = (name.partition("/")[0].lower() for name in names)
    return found.about.get("source") != "trained" and trained_on == dataset


def choose_weights(
    members: Sequence[Predictions],
    *,
    given: Sequence[str] | None,
    fit_on: Sequence[str] | None,
    select_on_test: bool,
) -> tuple[Float64[np.ndarray, " m"], str]:
    """Returns the weights asked for, and how they came about.

    Args:
        members: on the test clips.
        given: one weight per member; None to fit them.
        fit_on: evaluation files of held-out clips, one per member; None for those beside.
        select_on_test: fit on the test clips themselves.

    Raises:
        UserError: if they cannot be had.
    """
    if given:
        return given_weights(given, members=len(members)), GIVEN
    chosen_on = list(members) if select_on_test else held_out(members, fit_on)
    stacked = np.stack([m.probabilities for m in chosen_on])
    how = ON_TEST if select_on_test else ON_VALIDATION
    return fit_weights(stacked, chosen_on[0].labels), how


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


def combine_runs(
    paths: Sequence[str],
    *,
    weights: Sequence[str] | None,
    fit_on: Sequence[str] | None,
    select_on_test: bool,
    out: str,
) -> None:
    """Combines evaluations, prints each member's scores and the gain, writes result and report.

    Args:
        paths: evaluation files, one per member.
        weights: one per member; None to fit them.
        fit_on: evaluation files of held-out clips, one per member; None for those beside.
        select_on_test: fit on the test clips themselves.
        out: work directory of the result.

    Raises:
        UserError: if the files do not hold the same clips, or held-out clips are tested on.
    """
    members = predictions.join([predictions.read(path) for path in paths])
    chosen, how = choose_weights(
        members, given=weights, fit_on=fit_on, select_on_test=select_on_test
    )
    result = combine(members, chosen)
    print(summary(members, chosen, how, result.scores.war))
    facts = about(members, chosen, how)
    path = write_evaluation(out, str(facts["split"]), result, facts)
    title = f"{facts['dataset']} {facts['split']}, {facts['selection']}"
    print(f"\n{table(result, title)}")
    print(f"wrote {path}\nwrote {report.write_report(out)}")
