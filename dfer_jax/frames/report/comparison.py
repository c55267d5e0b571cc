"""Several runs on frames on one page: scores, F1 of each class, curves, what differs."""

import os
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from dfer_jax.errors import UserError
from dfer_jax.frames.report.classes import share_axes
from dfer_jax.frames.report.inputs import Evaluated, fits, read_evaluations
from dfer_jax.frames.report.intervals import score_intervals
from dfer_jax.frames.report.scores import footnotes, score_cells, score_heads
from dfer_jax.plotting.charts import SIZE, legend_above
from dfer_jax.plotting.markup import Section, section
from dfer_jax.plotting.page import write_page
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.run_comparison import curves_of_runs, differences, run_names
from dfer_jax.plotting.run_sections import SYNTHETIC
from dfer_jax.plotting.tables import Cell, Table
from dfer_jax.runs import evaluation_files, read_files
from dfer_jax.runs.read_files import read_config
from dfer_jax.runs.seeds import group_by_seed, spread

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
        if evaluation_files.is_evaluated(workdir) and not fits(workdir):
            raise UserError(f"{name} labels whole clips, others frames; compare runs of one task")
    found = dict(zip(names, map(read_evaluations, workdirs), strict=True))
    runs = {name: evaluations[0] for name, evaluations in found.items()}
    first = runs[names[0]]
    for name, run in runs.items():
        if run.result.classes != first.result.classes:
            raise UserError(f"{name} has other classes than {names[0]}; compare runs of one task")
    series = {n: read_files.read_metrics(w)[0] for n, w in zip(names, workdirs, strict=True)}
    configs = {n: read_config(w) for n, w in zip(names, workdirs, strict=True)}
    folder, title = path.removesuffix(".html"), f"{len(runs)} runs on {first.dataset}"
    parts = [
        _headline(title, runs),
        _over_seeds(runs, group_by_seed(runs, configs)),
        _scores(found),
        _classes(runs),
        curves_of_runs(series, _CURVES),
        differences(configs),
        footnotes(first.result.kind, os.path.basename(folder)),
    ]
    return write_page(path, title=title, parts=parts, folder=folder)


def _headline(title: str, runs: Mapping[str, Evaluated]) -> Section:
    """Returns the title, what is compared, and what stands in the way of comparing it."""
    first = next(iter(runs.values()))
    what = {(r.dataset, r.split, r.epochs_chosen, r.scores.num_frames) for r in runs.values()}
    lead = f"{first.split} split, {first.protocol.lower()}"
    mixed = (
        "<p class='banner' role='note'><strong>Not alike.</strong> The runs were evaluated on "
        "different frames or by different protocols, named in the table; their scores do not rank "
        "the methods.</p>"
    )
    synthetic = any(run.dataset.startswith("synthetic") for run in runs.values())
    return Section(
        f"<header><h1>{escape(title)}</h1><p class='lead'>{escape(lead)}</p></header>"
        f"{mixed if len(what) > 1 else ''}{SYNTHETIC if synthetic else ''}"
    )


def _over_seeds(runs: Mapping[str, Evaluated], groups: Mapping[str, Sequence[str]]) -> Section:
    """Returns mean and standard deviation over seeds; empty where no method has two runs."""
    if all(len(names) < 2 for names in groups.values()):
        return Section()
    rows: list[list[Cell]] = []
    for method, names in groups.items():
        scores = [runs[name].scores for name in names]
        values = [[s.macro_f1, s.accuracy, s.score("abaw2"), *s.f1] for s in scores]
        pairs = zip(*spread(100 * np.array(values)), strict=True)
        rows.append([method, len(names), *(float(v) for pair in pairs for v in pair)])
    classes = next(iter(runs.values())).result.classes
    heads = ["method", "seeds"]
    for head in ("macro-F1", "accuracy", "score 2021", *classes):
        heads += [head, f"{head} sd"]
    table = Table("seeds", heads, rows)
    note = (
        "Runs alike in all but the seed are one method. Mean and standard deviation (sd) over its "
        "seeds, in percent: what another seed would change, on top of the draw of test videos."
    )
    return Section(section("Over seeds", note, table.html()), tables=[table])


def _scores(found: Mapping[str, Sequence[Evaluated]]) -> Section:
    """Returns every evaluation of the compared split, with its intervals."""
    mixed = len({(e[0].dataset, e[0].split) for e in found.values()}) > 1
    rows: list[list[Cell]] = []
    for name, evaluations in found.items():
        for e in (e for e in evaluations if e.split == evaluations[0].split):
            s, missing = e.scores, (float("nan"), float("nan"))
            f1, accuracy = score_intervals(e) or (missing, missing)
            shares = [s.macro_f1, *f1, s.accuracy, *accuracy, s.score("abaw2"), s.score("abaw3")]
            data = [f"{e.dataset} {e.split}"] if mixed else []
            head = [name, *data, e.protocol, f"{e.epoch:g}", s.num_frames]
            rows.append([*head, *(100 * share for share in shares)])
    heads = ["run", *(["data"] if mixed else []), "protocol", "epoch", "frames"]
    heads += [
        f"{score}{end}" for score in ("macro-F1", "accuracy") for end in ("", " low", " high")
    ]
    table = Table("scores", [*heads, "score 2021", "score 2022 on"], rows)
    note = (
        "In percent, with 95 % intervals. They cover the draw of test videos only: rank methods by "
        "several seeds each."
    )
    return Section(section("Scores", note, table.html()), tables=[table])


def _classes(runs: Mapping[str, Evaluated]) -> Section:
    """Returns F1 of each class or unit in each run."""
    first = next(iter(runs.values()))
    f1 = np.array([run.scores.f1 for run in runs.values()])
    chart = _f1_chart(f1, first.result.classes, list(runs))
    rows = [[name, run.protocol, *score_cells(run)] for name, run in runs.items()]
    table = Table("results", ["run", "protocol", *score_heads(first)], rows)
    body = f"<div class='single'>{chart.svg()}</div>{table.html()}"
    note = "Chart: F1 of each class. Table: in percent but for the loss; classes: F1."
    return Section(section("What is recognised", note, body), [chart], [table])


def _f1_chart(f1: Float[np.ndarray, "r k"], classes: Sequence[str], runs: Sequence[str]) -> Chart:
    def draw() -> Figure:
        height = 0.9 + len(classes) * max(0.3, 0.14 * len(runs))
        figure = Figure(figsize=(SIZE[0], height), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(classes))
        for i, run in enumerate(runs):
            colour, marker = COLOURS.run(i)
            at = places + (i - (len(runs) - 1) / 2) * 0.72 / len(runs)
            axes.plot(f1[i], at, marker, color=colour, markersize=5, label=run)
        share_axes(axes, places, classes)
        axes.set_xlim(-0.02, 1.02)
        legend_above(figure, runs)
        return figure

    return Chart("f1", "F1 of each class in each run", draw)
