"""The report of a run on frames: one self-contained page, pictures and tables beside it."""

import glob
import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dfer_jax.errors import UserError
from dfer_jax.frames.evaluation import FrameEvaluation, read_evaluation
from dfer_jax.frames.timelines import accuracies, chosen_videos, timeline
from dfer_jax.predictions import is_of_frames
from dfer_jax.report import inputs
from dfer_jax.report.charts import SIZE, Curve, line_chart, percent_axis
from dfer_jax.report.classes import matrix, matrix_chart
from dfer_jax.report.markup import PROTOCOLS, Section, panel, percent, section, side_by_side
from dfer_jax.report.page import write_page
from dfer_jax.report.picture import Chart, Colours
from dfer_jax.report.sections import SYNTHETIC, configuration
from dfer_jax.report.tables import Table

Found = tuple[FrameEvaluation, dict[str, Any]]


def write_report(workdir: str) -> str:
    """Writes `<workdir>/report.html` and returns its path.

    Its pictures and tables go to `<workdir>/report/`. It reads `eval/` and, where they are there,
    `metrics.jsonl` and `config.json`.

    Raises:
        UserError: if there is nothing to report, a file is damaged, or the page cannot be written.
    """
    folder, config = os.path.join(workdir, "report"), os.path.join(workdir, "config.json")
    found = _evaluations(workdir)
    main, about = found[0]
    series, _ = inputs.read_metrics(workdir)
    parts = [
        _headline(found),
        _curves(series),
        _classes(main, about),
        _timelines(main),
        _all(found),
        configuration(inputs.read_json(config) if os.path.exists(config) else {}),
        _footnotes(main.kind),
    ]
    title = f"{about['model']['name']} on {about['dataset']}"
    return write_page(f"{folder}.html", title=title, parts=parts, folder=folder)


def fits(workdir: str) -> bool:
    """Whether the first evaluation of a work directory is of frames; False where there is none."""
    paths = sorted(glob.glob(os.path.join(glob.escape(workdir), "eval", "*.json")))
    paths = [path for path in paths if not path.endswith(".judged.json")]
    return bool(paths) and is_of_frames(paths[0])


def _evaluations(workdir: str) -> list[Found]:
    """Test before validation, the last epoch before a chosen one."""
    folder = os.path.join(workdir, "eval")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    names = [name for name in names if name.endswith(".json")]
    if not names:
        raise UserError(f"no evaluation in {folder}; run dfer_jax.main with --mode eval first")
    found = [read_evaluation(os.path.join(folder, name)) for name in names]
    return sorted(found, key=lambda f: (f[1]["split"] == "validation", f[1]["selection"] != "last"))


def _headline(found: Sequence[Found]) -> Section:
    main, about = found[0]
    name, data = escape(about["model"]["name"]), escape(about["dataset"])
    lead = (
        f"{about['num_frames']:,} labelled frames of {about['num_videos']:,} videos of the "
        f"{escape(about['split'])} split; {escape(main.kind.replace('_', ' '))}"
    )
    cards = [_card(facts) for _, facts in found if facts["split"] == about["split"]]
    banner = SYNTHETIC if about["dataset"].startswith("synthetic") else ""
    return Section(
        f"<header><h1>{name} on {data}</h1><p class='lead'>{lead}</p></header>{banner}"
        f"<div class='cards'>{''.join([*cards, _chance(main)])}</div>"
    )


def _card(about: Mapping[str, Any]) -> str:
    name, meaning = PROTOCOLS.get(about["selection"], (about["selection"], ""))
    figures = (
        f"<div><dt>macro-F1</dt><dd>{percent(about['macro_f1'])}</dd></div>"
        f"<div><dt>accuracy</dt><dd>{percent(about['accuracy'])}</dd></div>"
    )
    scores = f"{about['score_abaw2']:.4f} (2021), {about['score_abaw3']:.4f} (2022 on)"
    meaning = meaning.replace("clips", "videos")
    return (
        f"<div class='card'><h3>{escape(name)}</h3><dl class='figures'>{figures}</dl>"
        f"<p class='note'>Challenge score {scores}. Epoch {about['epoch']:g}. "
        f"{escape(meaning)}</p></div>"
    )


def _chance(main: FrameEvaluation) -> str:
    """The card of what knowing nothing gives."""
    labels = main.labels[main.mask]
    if main.kind == "expressions":
        counts = np.bincount(labels, minlength=len(main.classes))
        share = counts.max() / counts.sum()
        f1 = 2 * share / (1 + share) / len(main.classes)
        answer = f"always {main.classes[int(counts.argmax())]}"
    else:
        active = labels.mean(axis=0)
        f1, share = float(np.mean(2 * active / (1 + active))), float(active.mean())
        answer = "every unit always active"
    return (
        "<div class='card quiet'><h3>Chance</h3><dl class='figures'>"
        f"<div><dt>macro-F1</dt><dd>{percent(f1)}</dd></div>"
        f"<div><dt>accuracy</dt><dd>{percent(share)}</dd></div></dl>"
        f"<p class='note'>{escape(answer)}</p></div>"
    )


def _curves(series: inputs.Series) -> Section:
    wanted = {
        "loss": (("train/loss", "muted"), ("validation/loss", "second"), ("test/loss", "accent")),
        "score": (
            ("train/accuracy", "muted"),
            ("validation/score", "second"),
            ("test/score", "accent"),
        ),
    }
    charts = []
    for name, lines in wanted.items():
        curves = [Curve(n.replace("/", " "), c, *series[n]) for n, c in lines if n in series]
        if curves:
            label = f"{name.capitalize()} over the epochs"
            charts.append(line_chart(curves, name=name, label=label, percent=name == "score"))
    if not charts:
        return Section()
    panels = [panel(chart.label, chart.svg()) for chart in charts]
    note = "Train figures are taken on varied frames while the weights move."
    return Section(section("Learning curves", note, side_by_side(*panels)), charts)


def _classes(main: FrameEvaluation, about: Mapping[str, Any]) -> Section:
    """F1 by class or unit, and the confusion matrix or how often units are active."""
    chart = _f1_chart(main.classes, [about["f1"][name] for name in main.classes])
    labels = main.labels[main.mask]
    if main.kind == "expressions":
        counts = main.confusion
        heads = ["truth", *main.classes]
        rows = [[n, *row] for n, row in zip(main.classes, counts.tolist(), strict=True)]
        second = Table("confusion", heads, rows)
        body = panel("Confusion matrix", matrix(main.classes, counts))
        charts, frames = [chart, matrix_chart(main.classes, counts)], counts.sum(axis=1)
    else:
        predicted = (main.logits[main.mask] >= 0).mean(axis=0)
        shares = zip(main.classes, labels.mean(axis=0), predicted, strict=True)
        rows = [[unit, 100 * float(t), 100 * float(p)] for unit, t, p in shares]
        second = Table("active", ["unit", "active, %", "predicted, %"], rows, decimals=1)
        body, charts = panel("How often units are active", second.html()), [chart]
        frames = (labels == 1).sum(axis=0)
    f1 = Table(
        "f1",
        ["class", "F1, %", "frames"],
        [[n, 100 * about["f1"][n], c] for n, c in zip(main.classes, frames.tolist(), strict=True)],
    )
    note = "F1 = 2 TP / (2 TP + FP + FN); rows of the matrix are the truth."
    pair = side_by_side(panel("F1", chart.svg() + f1.html()), body)
    return Section(section("What is recognised", note, pair), charts, [f1, second])


def _f1_chart(classes: Sequence[str], values: Sequence[float]) -> Chart:
    def draw(colours: Colours) -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        axes.bar(range(len(classes)), values, color=colours.accent)
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        percent_axis(axes)
        return figure

    return Chart("f1", "F1 of each class", draw)


def _timelines(main: FrameEvaluation) -> Section:
    charts, panels = [], []
    right = {video: (count, share) for video, count, share in accuracies(main)}
    for name, video in chosen_videos(main).items():
        chart = timeline(main, video, name=f"timeline-{name}")
        count, share = right[video]
        charts.append(chart)
        heading = f"{name.capitalize()}: {video}, {percent(share)} of {count:,} labelled frames"
        panels.append(panel(heading, chart.svg()))
    rows = [[video, count, 100 * share] for video, count, share in accuracies(main)]
    table = Table("videos", ["video", "labelled frames", "right, %"], rows, for_print=False)
    folded = f"<details><summary>All videos</summary>{table.html()}</details>"
    note = "Over the true frame numbers; missing frames and frames without a label stay empty."
    return Section(section("Frame by frame", note, "".join([*panels, folded])), charts, [table])


def _all(found: Sequence[Found]) -> Section:
    heads = ["split", "protocol", "epoch", "frames", "macro-F1", "accuracy", "2021", "2022 on"]
    rows = [
        [
            *(a["split"], PROTOCOLS.get(a["selection"], (a["selection"],))[0], f"{a['epoch']:g}"),
            *(a["num_frames"], 100 * a["macro_f1"], 100 * a["accuracy"]),
            *(100 * a["score_abaw2"], 100 * a["score_abaw3"]),
        ]
        for _, a in found
    ]
    table = Table("results", heads, rows)
    return Section(section("All evaluations", "In percent.", table.html()), tables=[table])


def _footnotes(kind: str) -> Section:
    score = (
        "0.67 macro-F1 + 0.33 accuracy"
        if kind == "expressions"
        else "half macro-F1, half accuracy of cells (frames x units)"
    )
    return Section(
        "<footer class='note'><p>Every frame of every video is scored once, from the window around "
        "it; those with a label count, all videos pooled. Macro-F1 is the mean over all classes, 0 "
        f"for one that neither occurs nor is predicted. The challenge of 2021 ranks by {score}, "
        "those from 2022 on by macro-F1 alone.</p><p>The pictures as SVG and PNG and the tables as "
        "CSV and LaTeX are in <code>report/</code>; the logits of every frame beside each "
        "evaluation in <code>eval/</code>.</p></footer>"
    )
