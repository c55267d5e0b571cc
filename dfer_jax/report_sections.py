"""The report's HTML, one function per section; every text that comes from a file is escaped."""

import json
from collections.abc import Sequence
from html import escape

import numpy as np

from dfer_jax import intervals
from dfer_jax import report_figures as figures
from dfer_jax.report_html import PROTOCOLS, percent, protocol, section
from dfer_jax.report_inputs import Evaluation, Series

_SYNTHETIC = (
    "<p class='banner' role='note'><strong>Rendered faces.</strong> These figures come from "
    "synthetic clips. They show that the training works and let methods be compared under known "
    "conditions; they say nothing about accuracy on real faces.</p>"
)


def headline(evaluations: Sequence[Evaluation], *, trained: bool) -> str:
    """Returns the title and one card of WAR and UAR per protocol, chance level last."""
    main = evaluations[0]
    totals = main.confusion.sum(axis=1)
    most = int(totals.argmax())
    cards = [_card(e) for e in evaluations if e.split == main.split]
    k = len(main.classes)
    always = totals[most] / max(1, totals.sum())
    cards.append(
        "<div class='card quiet'><h3>Chance</h3><dl class='figures'>"
        f"<div><dt>WAR</dt><dd>{percent(always)}<small>always {escape(main.classes[most])}"
        f"</small></dd></div><div><dt>UAR</dt><dd>{percent(1 / k)}<small>any constant answer"
        f"</small></dd></div></dl><p class='note'>{k} expressions. Guessing evenly gives "
        f"{percent(1 / k)} for both.</p></div>"
    )
    training = f"trained for {main.epoch:g} epochs ({main.step:,} steps)"
    training = training if trained else "no training was logged in this work directory"
    synthetic = _SYNTHETIC if main.dataset.startswith("synthetic") else ""
    return (
        f"<header><h1>{escape(main.model)} on {escape(main.dataset)}</h1>"
        f"<p class='lead'>{main.num_clips:,} clips of the {escape(main.split)} split, "
        f"{training}</p></header>{synthetic}"
        f"<div class='cards'>{''.join(cards)}</div>"
    )


def _card(evaluation: Evaluation) -> str:
    """Returns the card of one protocol, with 95 % intervals under its figures."""
    name, meaning = PROTOCOLS.get(evaluation.selection, (evaluation.selection, ""))
    correct, totals = evaluation.confusion.diagonal(), evaluation.confusion.sum(axis=1)
    low, high = intervals.wilson_interval(correct.sum(keepdims=True), totals.sum(keepdims=True))
    rows = {
        "WAR": (evaluation.war, (low[0], high[0])),
        "UAR": (evaluation.uar, intervals.uar_interval(correct, totals)),
    }
    figures_html = "".join(
        f"<div><dt>{metric}</dt><dd>{percent(value)}"
        f"<small>95 %: {100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}</small></dd></div>"
        for metric, (value, bounds) in rows.items()
    )
    epoch = "" if evaluation.selection == "imported" else f"Epoch {evaluation.epoch:g}. "
    leading = " lead-card" if evaluation.selection == "last" else ""
    return (
        f"<div class='card{leading}'><h3>{escape(name)}</h3><dl class='figures'>{figures_html}</dl>"
        f"<p class='note'>{epoch}{meaning}</p></div>"
    )


def learning_curves(
    series: Series, notes: Sequence[str], *, best: Evaluation | None, num_classes: int
) -> str:
    """Returns loss, and WAR and UAR, over the epochs; empty where nothing was logged."""
    loss = _curves(series, {"train/loss": 0, "validation/loss": 3, "test/loss": 1})
    recall = _curves(series, {"train/war": 0, "validation/war": 3, "test/war": 1, "test/uar": 2})
    mark = best.epoch if best else None
    charts = []
    if loss:
        chart = figures.line_chart(loss, name="loss", label="Loss over the epochs")
        charts.append(f"<div><h3>Loss</h3>{chart}</div>")
    if recall:
        chart = figures.line_chart(
            recall,
            name="recall",
            label="WAR and UAR over the epochs",
            percent=True,
            chance=1 / num_classes,
            best_epoch=mark,
        )
        charts.append(f"<div><h3>Recall</h3>{chart}</div>")
    if not charts and not notes:
        return ""
    warnings = "".join(f"<p class='note'>{escape(note)}</p>" for note in notes)
    return section(
        "Learning curves",
        "Train figures are taken on augmented clips while the weights move.",
        f"{warnings}<div class='pair'>{''.join(charts)}</div>",
    )


def _curves(series: Series, styles: dict[str, int]) -> list[figures.Curve]:
    """Returns the named curves that exist; style 0 muted, 1 accent, 2 second, 3 accent dashed."""
    colours = (figures.MUTED, figures.ACCENT, figures.SECOND, figures.ACCENT)
    return [
        figures.Curve(_name(name), colours[style], *series[name], dashed=style == 3)
        for name, style in styles.items()
        if name in series
    ]


def _name(metric: str) -> str:
    """Returns "test WAR" for "test/war"."""
    split, what = metric.split("/", maxsplit=1)
    return f"{split} {what.upper() if what in ('war', 'uar') else what}"


def class_results(evaluation: Evaluation) -> str:
    """Returns the confusion matrix and the recall of each class."""
    counts = evaluation.confusion
    chart = figures.recall_chart(
        evaluation.classes, counts.diagonal(), counts.sum(axis=1), name="classes"
    )
    return section(
        "Which expressions are recognised",
        f"{protocol(evaluation)}, {evaluation.num_clips:,} clips. Rows of the matrix are the "
        "truth, columns the prediction; colour and percentage are shares of the row. Bars: recall "
        "with its 95 % interval; dotted: chance.",
        f"<div class='pair'><div><h3>Confusion matrix</h3>{_matrix(evaluation)}</div>"
        f"<div><h3>Recall of each class</h3>{chart}</div></div>",
    )


def _matrix(evaluation: Evaluation) -> str:
    """Returns the confusion matrix as a table: counts, and colours by share of the row."""
    names = [escape(name) for name in evaluation.classes]
    head = "".join(f"<th scope='col' title='{name}'>{name}</th>" for name in names)
    rows = []
    for i, name in enumerate(names):
        total = evaluation.confusion[i].sum()
        cells = []
        for j, count in enumerate(evaluation.confusion[i]):
            share = count / max(1, total)
            kind = "zero" if count == 0 else "full" if share > 0.55 else ""
            hue = "right" if i == j else "wrong"
            style = f"--hue:var(--{hue});--share:{0.08 + 0.92 * share:.2f}"
            below = f"<small>{share:.0%}</small>" if count else ""
            cells.append(f"<td class='{kind}' style='{style}'>{count}{below}</td>")
        rows.append(f"<tr><th scope='row' title='{name}'>{name}</th>{''.join(cells)}</tr>")
    return f"<table class='matrix'><thead><tr><th></th>{head}</tr></thead>{''.join(rows)}</table>"


def intensity_results(evaluation: Evaluation) -> str:
    """Returns recall against peak intensity; empty where the data set has no such ground truth."""
    clips = [
        p for p in evaluation.predictions if np.isfinite(p.peak_intensity) and p.label != "neutral"
    ]
    if not clips:
        return ""
    chart = figures.intensity_chart(
        np.array([clip.peak_intensity for clip in clips]),
        np.array([int(clip.right) for clip in clips]),
        num_classes=len(evaluation.classes),
        name="intensity",
    )
    return section(
        "Weak and strong expressions",
        f"{protocol(evaluation)}. Recall over {len(clips):,} clips in bins of equal clip count, "
        "by the ground-truth peak intensity of the clip, with 95 % intervals; dotted: chance. "
        "Neutral clips have no intensity and are left out.",
        f"<div class='single'>{chart}</div>",
    )


def training_speed(series: Series) -> str:
    """Returns training speed and the share of time spent waiting for data; empty if not logged."""
    panels = []
    for name, heading, is_share in (
        ("train/clips_per_s", "Clips per second", False),
        ("train/data_wait", "Share of time waiting for data", True),
    ):
        if name not in series or not np.isfinite(series[name][1]).any():
            continue
        median = float(np.nanmedian(series[name][1]))
        figure = percent(median) if is_share else f"{median:,.1f}"
        curve = figures.Curve(heading, figures.ACCENT, *series[name])
        chart = figures.line_chart(
            [curve], name=name.replace("/", "-"), label=heading, percent=is_share
        )
        panels.append(f"<div><h3>{heading}: median {figure}</h3>{chart}</div>")
    body = f"<div class='pair'>{''.join(panels)}</div>"
    return section("Training speed", "", body) if panels else ""


def all_evaluations(evaluations: Sequence[Evaluation]) -> str:
    """Returns a table of every evaluation found."""
    heads = ("WAR", "UAR", "macro F1", "loss")
    head = "".join(f"<th class='number'>{h}</th>" for h in ("epoch", "clips", *heads))
    rows = "".join(
        f"<tr><th scope='row'>{escape(e.split)}</th><td>{escape(protocol(e))}</td>"
        f"<td class='number'>{e.epoch:g}</td><td class='number'>{e.num_clips:,}</td>"
        + "".join(f"<td class='number'>{percent(v, 2)}</td>" for v in (e.war, e.uar, e.macro_f1))
        + f"<td class='number'>{f'{e.loss:.3f}' if np.isfinite(e.loss) else 'n/a'}</td></tr>"
        for e in evaluations
    )
    table = f"<table class='plain'><thead><tr><th>split</th><th>protocol</th>{head}</tr></thead>"
    return section("All evaluations", "", f"<div class='scroll'>{table}{rows}</table></div>")


def configuration(config: dict) -> str:
    """Returns the configuration, folded up, one row per field; empty where there is none."""
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(name)}</code></th>"
        f"<td><code>{escape(value)}</code></td></tr>"
        for name, value in _flat(config, "")
    )
    table = f"<table class='plain'>{rows}</table>"
    details = f"<details><summary>Configuration</summary>{table}</details>"
    return f"<section>{details}</section>" if rows else ""


def footnotes() -> str:
    """Returns how to read the figures and their intervals."""
    return (
        "<footer class='note'><p>WAR, weighted average recall, is the share of all clips predicted "
        "right. UAR, unweighted average recall, is the mean of the class recalls.</p><p>Intervals "
        "are 95 % Wilson intervals, combined over classes for the UAR. They cover the draw of test "
        "clips, taken as independent; the spread between training seeds comes on top.</p></footer>"
    )


def _flat(config: dict, prefix: str) -> list[tuple[str, str]]:
    """Returns the fields of nested dictionaries as dotted names with their JSON values."""
    rows = []
    for name, value in config.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", json.dumps(value, ensure_ascii=False)))
    return rows
