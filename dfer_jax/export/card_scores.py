"""The scores on a model card: of the very weights it is for, with intervals."""

from collections.abc import Sequence

import numpy as np

from dfer_jax.clips.report import inputs as clip_inputs
from dfer_jax.frames.report import inputs as frame_inputs
from dfer_jax.frames.report.intervals import score_intervals
from dfer_jax.results import intervals
from dfer_jax.runs.evaluation_files import evaluation_files

_NONE = (
    "## Scores\n\nNot evaluated: there is no evaluation of these weights. `dfer eval` makes one."
)
_NOTE = (
    "Intervals are of 95 % and describe the draw of the test {what} alone: not the spread between "
    "seeds, nor people and footage of other kinds."
)


def scores(workdir: str, step: int) -> str:
    """Returns the scores of a run's weights as Markdown.

    Args:
        workdir: of the run.
        step: of the checkpoint; evaluations of others are left out.

    Raises:
        UserError: if an evaluation is damaged.
    """
    if not evaluation_files(workdir):
        return _NONE
    if frame_inputs.fits(workdir):
        return _of_frames(workdir, step)
    found = [
        e
        for e in clip_inputs.read_evaluations(workdir)
        if e.step == step and e.split != "validation"
    ]
    if not found:
        return _NONE
    shown = {(e.dataset, e.split): e for e in reversed(found)}
    return "\n\n".join(["## Scores", *map(_of_clips, reversed(shown.values()))])


def _of_clips(evaluation: clip_inputs.Evaluation) -> str:
    correct, totals = evaluation.correct, evaluation.totals
    whole = (correct.sum(keepdims=True), totals.sum(keepdims=True))
    (low,), (high,) = intervals.wilson_interval(*whole)
    bounds = {
        "WAR": (evaluation.war, low, high),
        "UAR": (evaluation.uar, *intervals.uar_interval(correct, totals)),
    }
    lows, highs = intervals.wilson_interval(correct, totals)
    rows = zip(evaluation.classes, totals, evaluation.recall, lows, highs, strict=True)
    recalls = [
        (name, f"{n:,}", *(_percent(r, a, b) if n else ("-", "-"))) for name, n, r, a, b in rows
    ]
    parts = [
        f"{evaluation.dataset}, {evaluation.split}: {evaluation.num_clips:,} clips, "
        f"epoch {evaluation.epoch:g} ({evaluation.selection}).",
        _table(
            ("score", "%", "95 %"), [(name, *_percent(*value)) for name, value in bounds.items()]
        ),
        _table(("class", "clips", "recall %", "95 %"), recalls),
        "Confusion, rows truth, columns prediction:",
        _table(
            ("", *evaluation.classes),
            [
                (name, *map(str, row))
                for name, row in zip(evaluation.classes, evaluation.confusion.tolist(), strict=True)
            ],
        ),
        _NOTE.format(what="clips"),
    ]
    if evaluation.seen_before:
        parts.append(f"Mind: {evaluation.seen_before}.")
    return "\n\n".join(parts)


def _of_frames(workdir: str, step: int) -> str:
    found = [
        e
        for e in frame_inputs.read_evaluations(workdir)
        if e.step == step and e.split != "validation"
    ]
    if not found:
        return _NONE
    main = found[0]
    result, bounds = main.scores, score_intervals(main)
    values = {"macro-F1": ("macro_f1", result.macro_f1), "accuracy": ("accuracy", result.accuracy)}
    rows = [
        (
            name,
            *(_percent(value, *getattr(bounds, field)) if bounds else (f"{100 * value:.2f}", "-")),
        )
        for name, (field, value) in values.items()
    ]
    f1 = [
        (name, f"{100 * value:.2f}")
        for name, value in zip(main.result.classes, np.asarray(result.f1), strict=True)
    ]
    return "\n\n".join(
        [
            "## Scores",
            f"{main.dataset}, {main.split}: {result.num_frames:,} labelled frames of "
            f"{len(main.videos):,} videos, epoch {main.epoch:g} ({main.selection}).",
            _table(("score", "%", "95 %"), rows),
            _table(("class", "F1 %"), f1),
            _NOTE.format(what="videos"),
        ]
    )


def _percent(value: float, low: float, high: float) -> tuple[str, str]:
    return f"{100 * value:.2f}", f"{100 * low:.1f} to {100 * high:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
