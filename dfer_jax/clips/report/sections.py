"""Sections on a run as a whole; every text that comes from a file is escaped."""

import os
from collections.abc import Mapping, Sequence
from html import escape

from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.plotting.charts import Curve, line_chart
from dfer_jax.plotting.markup import (
    PROTOCOLS,
    Section,
    panel,
    percent,
    protocol,
    section,
    side_by_side,
)
from dfer_jax.plotting.run_sections import SYNTHETIC
from dfer_jax.plotting.tables import Cell, Table
from dfer_jax.results import intervals
from dfer_jax.runs.read_files import Series


def headline(evaluations: Sequence[Evaluation], *, trained: bool) -> Section:
    """Returns the title and one card of WAR and UAR per protocol, chance level last."""
    main = evaluations[0]
    cards = [_card(e) for e in evaluations if e.split == main.split]
    training = f"trained for {main.epoch:g} epochs ({main.step:,} steps)"
    training = training if trained else "no training was logged in this work directory"
    synthetic = SYNTHETIC if main.dataset.startswith("synthetic") else ""
    return Section(
        f"<header><h1>{escape(main.model)} on {escape(main.dataset)}</h1>"
        f"<p class='lead'>{main.num_clips:,} clips of the {escape(main.split)} split, "
        f"{training}</p></header>{synthetic}{_seen_before(evaluations)}"
        f"<div class='cards'>{''.join([*cards, _chance(main)])}</div>"
    )


def _seen_before(evaluations: Sequence[Evaluation]) -> str:
    """Returns a note for each pair of data sets of which test clips may have been trained on."""
    said = {e.seen_before: e.dataset for e in evaluations if e.seen_before}
    return "".join(
        f"<p class='note'>{escape(dataset)}: {escape(sentence)}.</p>"
        for sentence, dataset in said.items()
    )


def score_intervals(evaluation: Evaluation) -> dict[str, tuple[float, float, float]]:
    """Returns WAR and UAR, each with the bounds of its 95 % interval; shares in [0, 1]."""
    correct, totals = evaluation.correct, evaluation.totals
    low, high = intervals.wilson_interval(correct.sum(keepdims=True), totals.sum(keepdims=True))
    return {
        "WAR": (evaluation.war, float(low[0]), float(high[0])),
        "UAR": (evaluation.uar, *intervals.uar_interval(correct, totals)),
    }


def _card(evaluation: Evaluation) -> str:
    """Returns the card of one protocol, with 95 % intervals under its figures."""
    name, meaning = PROTOCOLS.get(evaluation.selection, (evaluation.selection, ""))
    figures = "".join(
        f"<div><dt>{metric}</dt><dd>{percent(value)}"
        f"<small>95 %: {100 * low:.1f} to {100 * high:.1f}</small></dd></div>"
        for metric, (value, low, high) in score_intervals(evaluation).items()
    )
    single = evaluation.selection != "imported" and not evaluation.members
    epoch = f"Epoch {evaluation.epoch:g}. " if single else ""
    leading = " lead-card" if evaluation.selection == "last" else ""
    return (
        f"<div class='card{leading}'><h3>{escape(name)}</h3><dl class='figures'>{figures}</dl>"
        f"<p class='note'>{epoch}{meaning}</p></div>"
    )


def _chance(evaluation: Evaluation) -> str:
    """Returns the card of what knowing nothing gives."""
    totals, present = evaluation.totals, evaluation.present
    guess = percent(evaluation.chance)
    counted = f"{len(present)} class{'es' * (len(present) > 1)}"
    if len(present) < len(evaluation.classes):
        counted += f" of {len(evaluation.classes)} have clips here ({escape(', '.join(present))})"
    most = int(totals.argmax())
    always = totals[most] / max(1, totals.sum())
    return (
        "<div class='card quiet'><h3>Chance</h3><dl class='figures'>"
        f"<div><dt>WAR</dt><dd>{percent(always)}<small>always {escape(evaluation.classes[most])}"
        f"</small></dd></div><div><dt>UAR</dt><dd>{guess}<small>always the same one"
        f"</small></dd></div></dl><p class='note'>{counted}. "
        f"Guessing evenly among them gives {guess} for both.</p></div>"
    )


def ensemble_members(evaluation: Evaluation) -> Section:
    """Returns what an ensemble combines, each with its weight and scores; empty of a single run."""
    members = evaluation.members
    if not members:
        return Section()
    runs = [m.file.removesuffix(".json").removesuffix(f"/eval/{evaluation.split}") for m in members]
    names = [os.path.basename(run) for run in runs]
    names = runs if len(set(names)) < len(names) else names
    rows: list[list[Cell]] = [
        [name, m.weight, 100 * m.war, 100 * m.uar] for name, m in zip(names, members, strict=True)
    ]
    rows.append(["together", "", 100 * evaluation.war, 100 * evaluation.uar])
    table = Table("members", ["member", "weight", "WAR", "UAR"], rows)
    note = "Their probabilities are averaged with these weights; scores in percent, each alone."
    return Section(section("What is combined", note, table.html()), tables=[table])


def learning_curves(
    series: Series, notes: Sequence[str], *, best: Evaluation | None, chance: float
) -> Section:
    """Returns loss, and WAR and UAR, over the epochs; empty where nothing was logged.

    Args:
        series: what was logged.
        notes: what was wrong with it.
        best: evaluation of the best epoch, if there is one.
        chance: recall in [0, 1] of even guessing among the classes of the evaluated split.
    """
    loss = _curves(series, {"train/loss": 0, "validation/loss": 3, "test/loss": 1})
    recall = _curves(series, {"train/war": 0, "validation/war": 3, "test/war": 1, "test/uar": 2})
    charts = []
    if loss:
        charts.append(line_chart(loss, name="loss", label="Loss over the epochs"))
    if recall:
        mark = best.epoch if best else None
        options = {"percent": True, "chance": chance, "best_epoch": mark}
        label = "WAR and UAR over the epochs"
        charts.append(line_chart(recall, name="recall", label=label, **options))
    if not charts and not notes:
        return Section()
    heads = {"loss": "Loss", "recall": "Recall"}
    warnings = "".join(f"<p class='note'>{escape(note)}</p>" for note in notes)
    html = section(
        "Learning curves",
        "Train figures are taken on augmented clips while the weights move.",
        warnings + side_by_side(*(panel(heads[c.name], c.svg()) for c in charts)),
    )
    return Section(html, charts)


def _curves(series: Series, styles: Mapping[str, int]) -> list[Curve]:
    """Returns the named curves that exist; style 0 muted, 1 accent, 2 second, 3 accent dashed."""
    colours = ("muted", "accent", "second", "accent")
    return [
        Curve(_name(name), colours[style], *series[name], dashed=style == 3)
        for name, style in styles.items()
        if name in series
    ]


def _name(metric: str) -> str:
    """Returns "test WAR" for "test/war"."""
    split, what = metric.split("/", maxsplit=1)
    return f"{split} {what.upper() if what in ('war', 'uar') else what}"


def all_evaluations(evaluations: Sequence[Evaluation]) -> Section:
    """Returns a row as the papers print it for every evaluation of the first one's classes."""
    classes = evaluations[0].classes
    rows = [
        [e.split, protocol(e.selection), *score_cells(e)]
        for e in evaluations
        if e.classes == classes
    ]
    table = Table("results", ["split", "protocol", *score_heads(classes)], rows)
    note = "In percent but for the loss, the mean cross-entropy in nats. Classes: recall."
    return Section(section("All evaluations", note, table.html()), tables=[table])


def score_heads(classes: Sequence[str]) -> list[str]:
    """Returns the heads of `score_cells`."""
    return ["epoch", "clips", *classes, "UAR", "WAR", "macro F1", "loss"]


def score_cells(evaluation: Evaluation) -> list[Cell]:
    """Returns epoch, clips, recall per class, UAR, WAR and macro F1 in percent, and the loss."""
    e = evaluation
    shares = [*e.recall.tolist(), e.uar, e.war, e.macro_f1]
    return [f"{e.epoch:g}", e.num_clips, *(100 * s for s in shares), e.loss]
