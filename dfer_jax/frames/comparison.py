"""Several runs on frames on one page: scores, F1 of each class, curves, what differs."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from dfer_jax.errors import UserError
from dfer_jax.frames.report import FOOTNOTES, Found, fits, protocol_of, read_evaluations
from dfer_jax.report import inputs
from dfer_jax.report.charts import SIZE, legend_above
from dfer_jax.report.comparison import curves_of_runs, differences, read_config, run_names
from dfer_jax.report.markup import Section, section
from dfer_jax.report.page import write_page
from dfer_jax.report.picture import Chart, Colours
from dfer_jax.report.sections import SYNTHETIC
from dfer_jax.report.tables import Cell, Table

_CURVES = {
    "test/score": "Test score",
    "test/macro_f1": "Test macro-F1",
    "test/loss": "Test loss",
    "train/loss": "Train loss",
}


def write_comparison(workdirs: Sequence[str], path: str) -> str:
    """Writes one page on several runs on frames and returns its path.

    Of each run the evaluation that its own report shows in full is compared. Pictures and tables go
    to the folder named like the page without its ending.

    Args:
        workdirs: directories of evaluated runs, two or more.
        path: of the page, ending in .html.

    Raises:
        UserError: if a run is named twice, is not evaluated or is of clips, classes differ between
            runs, or the page cannot be written.
    """
    names = run_names(workdirs)
    for name, workdir in zip(names, workdirs, strict=True):
        if inputs.is_evaluated(workdir) and not fits(workdir):
            raise UserError(f"{name} labels whole clips, others frames; compare runs of one task")
    found = dict(zip(names, map(read_evaluations, workdirs), strict=True))
    runs = {name: evaluations[0] for name, evaluations in found.items()}
    first, about = runs[names[0]]
    for name, (run, _) in runs.items():
        if run.classes != first.classes:
            raise UserError(f"{name} has other classes than {names[0]}; compare runs of one task")
    series = {n: inputs.read_metrics(w)[0] for n, w in zip(names, workdirs, strict=True)}
    configs = {n: read_config(w) for n, w in zip(names, workdirs, strict=True)}
    folder, title = path.removesuffix(".html"), f"{len(runs)} runs on {about['dataset']}"
    parts = [
        _headline(title, runs),
        _scores(found),
        _classes(runs),
        curves_of_runs(series, _CURVES),
        differences(configs),
        footnotes(first.kind, os.path.basename(folder)),
    ]
    return write_page(path, title=title, parts=parts, folder=folder)


def _headline(title: str, runs: Mapping[str, Found]) -> Section:
    """Returns the title, what is compared, and what stands in the way of comparing it."""
    abouts = [about for _, about in runs.values()]
    what = {(a["dataset"], a["split"], protocol_of(a), a["num_frames"]) for a in abouts}
    lead = f"{abouts[0]['split']} split, {protocol_of(abouts[0]).lower()}"
    mixed = (
        "<p class='banner' role='note'><strong>Not alike.</strong> The runs were evaluated on "
        "different frames or by different protocols, named in the table; their scores do not rank "
        "the methods.</p>"
    )
    synthetic = any(a["dataset"].startswith("synthetic") for a in abouts)
    return Section(
        f"<header><h1>{escape(title)}</h1><p class='lead'>{escape(lead)}</p></header>"
        f"{mixed if len(what) > 1 else ''}{SYNTHETIC if synthetic else ''}"
    )


def _scores(found: Mapping[str, Sequence[Found]]) -> Section:
    """Returns the scores of every evaluation of the compared split."""
    rows: list[list[Cell]] = []
    for name, evaluations in found.items():
        split = evaluations[0][1]["split"]
        rows += [[name, *_score_cells(*e)] for e in evaluations if e[1]["split"] == split]
    heads = ["run", "data", "protocol", "epoch", "frames", "macro-F1", "accuracy"]
    table = Table("scores", [*heads, "score 2021", "score 2022 on"], rows)
    note = "In percent. Frames of a video are alike: rank methods by several seeds each."
    return Section(section("Scores", note, table.html()), tables=[table])


def _score_cells(run: FrameEvaluation, about: Mapping[str, Any]) -> list[Cell]:
    scores = run.scores()
    shares = (scores.macro_f1, scores.accuracy, scores.score("abaw2"), scores.score("abaw3"))
    data = [f"{about['dataset']} {about['split']}", protocol_of(about), f"{about['epoch']:g}"]
    return [*data, scores.num_frames, *(100 * share for share in shares)]


def _classes(runs: Mapping[str, Found]) -> Section:
    """Returns F1 of each class or unit in each run."""
    f1 = np.array([run.scores().f1 for run, _ in runs.values()])
    classes = next(iter(runs.values()))[0].classes
    chart = _f1_chart(f1, classes, list(runs))
    rows = [[name, *row] for name, row in zip(runs, (100 * f1).tolist(), strict=True)]
    table = Table("f1", ["run", *classes], rows)
    body = f"<div class='single'>{chart.svg()}</div>{table.html()}"
    return Section(section("What is recognised", "F1, in percent.", body), [chart], [table])


def _f1_chart(f1: Float[np.ndarray, "r k"], classes: Sequence[str], runs: Sequence[str]) -> Chart:
    def draw(colours: Colours) -> Figure:
        height = 0.9 + len(classes) * max(0.3, 0.14 * len(runs))
        figure = Figure(figsize=(SIZE[0], height), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(classes))
        for i, run in enumerate(runs):
            colour, marker = colours.run(i)
            at = places + (i - (len(runs) - 1) / 2) * 0.72 / len(runs)
            axes.plot(f1[i], at, marker, color=colour, markersize=5, label=run)
        axes.set_yticks(places, classes)
        axes.tick_params(axis="y", length=0, labelcolor=colours.ink)
        axes.invert_yaxis()
        axes.set_xlim(-0.02, 1)
        axes.set_xticks(np.linspace(0, 1, 6), [f"{v} %" for v in range(0, 101, 20)])
        legend_above(figure, runs)
        return figure

    return Chart("f1", "F1 of each class in each run", draw)
