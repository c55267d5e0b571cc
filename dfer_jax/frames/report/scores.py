"""Sections on a run as a whole: its scores by protocol, its curves, what the figures mean."""

import dataclasses
from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Float32

from dfer_jax.frames.metrics import ActionUnitScores, ExpressionScores
from dfer_jax.frames.report.inputs import Evaluated
from dfer_jax.frames.report.intervals import FEWEST_VIDEOS, score_intervals
from dfer_jax.plotting.charts import Curve, line_chart
from dfer_jax.plotting.markup import PROTOCOLS, Section, panel, percent, section, side_by_side
from dfer_jax.plotting.run_sections import SYNTHETIC
from dfer_jax.plotting.tables import Cell, Table
from dfer_jax.results.metrics import scores as recalls
from dfer_jax.runs.read_files import Series

_LOSSES = {
    "train/loss": ("muted", False),
    "validation/loss": ("accent", True),
    "test/loss": ("accent", False),
}
_SCORES = {
    "train/accuracy": ("muted", False),
    "validation/score": ("accent", True),
    "test/score": ("accent", False),
    "test/macro_f1": ("second", False),
}


def headline(evaluations: Sequence[Evaluated], *, trained: bool) -> Section:
    """Returns the title and one card per protocol, that of constant answers last."""
    main = evaluations[0]
    cards = [_card(e) for e in evaluations if e.split == main.split]
    training = f"trained for {main.epoch:g} epochs ({main.step:,} steps)"
    training = training if trained else "no training was logged in this work directory"
    kind = main.result.kind.replace("_", " ")
    lead = (
        f"{main.scores.num_frames:,} labelled frames ({kind}) of {len(main.videos):,} videos of "
        f"the {main.split} split, {training}"
    )
    banner = SYNTHETIC if main.dataset.startswith("synthetic") else ""
    return Section(
        f"<header><h1>{escape(main.model)} on {escape(main.dataset)}</h1>"
        f"<p class='lead'>{escape(lead)}</p></header>{banner}"
        f"<div class='cards'>{''.join([*cards, _constant(main)])}</div>"
    )


def _card(evaluated: Evaluated) -> str:
    """Returns the card of one protocol, with 95 % intervals under its figures."""
    meaning = PROTOCOLS.get(evaluated.selection, ("", ""))[1].replace("clips", "videos")
    found, bounds = evaluated.scores, score_intervals(evaluated)
    values = {"macro_f1": ("macro-F1", found.macro_f1), "accuracy": ("accuracy", found.accuracy)}
    figures = ""
    for field, (name, value) in values.items():
        below = ""
        if bounds:
            low, high = getattr(bounds, field)
            below = f"<small>95 %: {100 * low:.1f} to {100 * high:.1f}</small>"
        figures += f"<div><dt>{name}</dt><dd>{percent(value)}{below}</dd></div>"
    leading = " lead-card" if evaluated.selection == "last" else ""
    return (
        f"<div class='card{leading}'><h3>{escape(evaluated.protocol)}</h3>"
        f"<dl class='figures'>{figures}</dl><p class='note'>{_challenge(found)} "
        f"Epoch {evaluated.epoch:g}. {escape(meaning)}</p></div>"
    )


def _challenge(found: ExpressionScores | ActionUnitScores) -> str:
    editions = f"{found.score('abaw2'):.4f} (2021), {found.score('abaw3'):.4f} (2022 on)"
    return f"Challenge score {editions}."


def _constant(evaluated: Evaluated) -> str:
    """Returns the card of what one answer for all frames gives, the best such answer."""
    counts = evaluated.counts.hits + evaluated.counts.missed
    most = int(counts.argmax())
    if evaluated.result.kind == "expressions":
        answers = np.eye(len(counts), dtype=np.float32)[most]
        f1 = accuracy = _scores_of(evaluated, answers)
        below = [f"always {evaluated.result.classes[most]}"] * 2
    else:
        ones = np.ones(len(counts), np.float32)
        f1, accuracy = _scores_of(evaluated, ones), _scores_of(evaluated, -ones)
        below = ["every unit always", "no unit ever"]
    figures = "".join(
        f"<div><dt>{name}</dt><dd>{percent(value)}<small>{escape(answer)}</small></dd></div>"
        for name, value, answer in zip(
            ("macro-F1", "accuracy"), (f1.macro_f1, accuracy.accuracy), below, strict=True
        )
    )
    best = max((f1, accuracy), key=lambda s: s.score("abaw2"))
    return (
        f"<div class='card quiet'><h3>One answer for all frames</h3><dl class='figures'>{figures}"
        f"</dl><p class='note'>{_challenge(best)}</p></div>"
    )


def _scores_of(
    evaluated: Evaluated, logits: Float32[np.ndarray, " k"]
) -> ExpressionScores | ActionUnitScores:
    """Returns the scores of the same logits for every frame."""
    everywhere = np.broadcast_to(logits, evaluated.result.logits.shape)
    return dataclasses.replace(evaluated.result, logits=everywhere).scores()


def learning_curves(series: Series, notes: Sequence[str], *, best: Evaluated | None) -> Section:
    """Returns loss and scores over the epochs; empty where nothing was logged."""
    charts = []
    for name, heading, styles in (("loss", "Loss", _LOSSES), ("score", "Scores", _SCORES)):
        curves = [
            Curve(_name(metric), colour, *series[metric], dashed=dashed)
            for metric, (colour, dashed) in styles.items()
            if metric in series
        ]
        if curves:
            shares = name == "score"
            mark = best.epoch if best and shares else None
            options = {"percent": shares, "best_epoch": mark, "label": f"{heading} over the epochs"}
            charts.append(line_chart(curves, name=name, **options))
    if not charts and not notes:
        return Section()
    warnings = "".join(f"<p class='note'>{escape(note)}</p>" for note in notes)
    note = (
        "Train figures are taken on varied frames while the weights move. Score: that of the "
        "challenge's edition the run was configured for, which also chooses the best epoch."
    )
    panels = side_by_side(*(panel(chart.label, chart.svg()) for chart in charts))
    return Section(section("Learning curves", note, warnings + panels), charts)


def _name(metric: str) -> str:
    """Returns "test macro-F1" for "test/macro_f1"."""
    return metric.replace("/", " ").replace("macro_f1", "macro-F1")


def all_evaluations(evaluations: Sequence[Evaluated]) -> Section:
    """Returns a row for every evaluation of the first one's classes."""
    first = evaluations[0].result
    rows = [
        [e.split, e.protocol, *score_cells(e)]
        for e in evaluations
        if e.result.classes == first.classes
    ]
    table = Table("results", ["split", "protocol", *score_heads(evaluations[0])], rows)
    note = "In percent but for the loss, in nats and without class weights. Classes: F1."
    return Section(section("All evaluations", note, table.html()), tables=[table])


def score_heads(evaluated: Evaluated) -> list[str]:
    """Returns the heads of `score_cells`."""
    extra = "UAR" if evaluated.result.kind == "expressions" else "exact match"
    heads = ["epoch", "frames", "macro-F1", "accuracy", extra, "score 2021", "score 2022 on"]
    return [*heads, *evaluated.result.classes, "loss"]


def score_cells(evaluated: Evaluated) -> list[Cell]:
    """Returns epoch, frames, all scores and F1 by class in percent, and the loss."""
    found = evaluated.scores
    if isinstance(found, ActionUnitScores):
        extra = found.exact_match
    else:
        extra = float(recalls(evaluated.result.confusion).uar)
    shares = [found.macro_f1, found.accuracy, extra, found.score("abaw2"), found.score("abaw3")]
    shares += found.f1
    head: list[Cell] = [f"{evaluated.epoch:g}", found.num_frames]
    return [*head, *(100 * share for share in shares), evaluated.result.loss]


def footnotes(kind: str, folder: str) -> Section:
    """Returns how to read the figures, and where the pictures and tables of the page lie."""
    if kind == "expressions":
        score, accuracy = "0.67 macro-F1 + 0.33 accuracy", "the share of the frames"
    else:
        score = "0.5 macro-F1 + 0.5 accuracy"
        accuracy = "the share of the cells (frames x units)"
    return Section(
        "<footer class='note'><p>Every frame of every video is scored once, from the window around "
        "it; those with a label count, those of all videos pooled. F1 of a class is 2 TP / (2 TP + "
        "FP + FN). Macro-F1 is its mean over all classes, 0 for one that neither occurs nor is "
        f"predicted. Accuracy is {accuracy} that are right.</p><p>The ABAW challenge of 2021 ranks "
        f"by {score}, those from 2022 on by macro-F1 alone.</p><p>Intervals are 95 % bootstrap "
        f"intervals over videos, from {FEWEST_VIDEOS} videos on. They cover the draw of test "
        "videos; the spread between training seeds comes on top.</p><p>The pictures as SVG and PNG "
        f"and the tables as CSV and LaTeX (booktabs) are in <code>{escape(folder)}/</code>; the "
        "logits of every frame lie beside each evaluation in <code>eval/</code>.</p></footer>"
    )
