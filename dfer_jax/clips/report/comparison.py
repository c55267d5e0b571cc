"""Several runs on one page: scores with intervals, paired tests on shared clips, curves."""

import os
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from matplotlib.figure import Figure

from dfer_jax.clips.report import inputs, sections
from dfer_jax.clips.report.calibration import reliability_of
from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.clips.report.intensity import intensity_results
from dfer_jax.clips.report.seeds import seeds_section
from dfer_jax.errors import UserError
from dfer_jax.plotting import run_sections
from dfer_jax.plotting.charts import SIZE, legend_above, recall_chart
from dfer_jax.plotting.markup import Section, protocol, section
from dfer_jax.plotting.page import write_page
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.run_comparison import curves_of_runs, differences, run_names
from dfer_jax.plotting.tables import Cell, Table
from dfer_jax.results import intervals
from dfer_jax.runs import read_files
from dfer_jax.runs.read_files import read_config
from dfer_jax.runs.seeds import group_by_seed

_CURVES = {
    "test/war": "Test WAR",
    "test/uar": "Test UAR",
    "test/loss": "Test loss",
    "train/loss": "Train loss",
}
_DRAWS = 10_000


def write_comparison(workdirs: Sequence[str], path: str) -> str:
    """Writes one page on several runs and returns its path.

    Of each run the evaluation that its own report shows in full is compared. Pictures and tables go
    to the folder named like the page without its ending.

    Args:
        workdirs: directories of evaluated runs, two or more; others are tested against the first.
        path: of the page, ending in .html.

    Raises:
        UserError: if a run is named twice or not evaluated, classes differ between runs, a clip has
            different labels in two runs, or the page cannot be written.
    """
    names = run_names(workdirs)
    found = dict(zip(names, map(inputs.read_evaluations, workdirs), strict=True))
    runs = {name: evaluations[0] for name, evaluations in found.items()}
    first = runs[names[0]]
    for name, run in runs.items():
        if run.classes != first.classes:
            raise UserError(f"{name} has other classes than {names[0]}; compare runs of one task")
    series = {n: read_files.read_metrics(w)[0] for n, w in zip(names, workdirs, strict=True)}
    configs = {n: read_config(w) for n, w in zip(names, workdirs, strict=True)}
    over_seeds = seeds_section(runs, group_by_seed(runs, configs))
    folder = path.removesuffix(".html")
    parts = [
        _headline(runs),
        over_seeds,
        _scores(found),
        _paired(runs),
        curves_of_runs(series, _CURVES),
        _classes(runs),
        intensity_results(runs) if not over_seeds.charts else Section(),
        differences(configs),
        run_sections.footnotes(os.path.basename(folder)),
    ]
    title = f"{len(runs)} runs on {first.dataset}"
    return write_page(path, title=title, parts=parts, folder=folder)


def _headline(runs: Mapping[str, Evaluation]) -> Section:
    """Returns the title, what is compared, and what stands in the way of comparing it."""
    first = next(iter(runs.values()))
    what = {(run.dataset, run.split, protocol(run.selection)) for run in runs.values()}
    lead = f"{first.split} split, {protocol(first.selection).lower()}"
    mixed = (
        "<p class='banner' role='note'><strong>Not alike.</strong> The runs were evaluated on "
        "different data or by different protocols, named in the table; their scores do not rank "
        "the methods.</p>"
    )
    synthetic = any(run.dataset.startswith("synthetic") for run in runs.values())
    return Section(
        f"<header><h1>{len(runs)} runs on {escape(first.dataset)}</h1>"
        f"<p class='lead'>{escape(lead)}</p></header>{mixed if len(what) > 1 else ''}"
        f"{run_sections.SYNTHETIC if synthetic else ''}"
    )


def _scores(found: Mapping[str, Sequence[Evaluation]]) -> Section:
    """Returns every evaluation with its intervals; the compared one of each run as a picture."""
    mixed = len({evaluations[0].dataset for evaluations in found.values()}) > 1
    rows: list[list[Cell]] = []
    for name, evaluations in found.items():
        for e in (e for e in evaluations if e.split == evaluations[0].split):
            bounds = sections.score_intervals(e).values()
            error = reliability_of(e)
            rows.append(
                [
                    name,
                    *([e.dataset] if mixed else []),
                    protocol(e.selection),
                    f"{e.epoch:g}",
                    e.num_clips,
                ]
                + [100 * value for score in bounds for value in score]
                + [100 * e.macro_f1, 100 * error.error if error else float("nan")]
            )
    heads = ["run", *(["data"] if mixed else []), "protocol", "epoch", "clips"]
    heads += [f"{score}{end}" for score in ("WAR", "UAR") for end in ("", " low", " high")]
    table = Table("scores", [*heads, "macro F1", "calibration error"], rows)
    chart = _score_chart({name: evaluations[0] for name, evaluations in found.items()})
    html = section(
        "Scores",
        "In percent, with 95 % intervals. They cover the draw of test clips only: rank methods by "
        "several seeds each.",
        f"<div class='single'>{chart.svg()}</div>{table.html()}",
    )
    return Section(html, [chart], [table])


def _score_chart(runs: Mapping[str, Evaluation]) -> Chart:
    scores = {name: sections.score_intervals(run) for name, run in runs.items()}
    places = np.arange(len(runs))

    def draw() -> Figure:
        figure = Figure(figsize=(SIZE[0], 0.9 + 0.36 * len(runs)), layout="constrained")
        axes = figure.subplots()
        for offset, metric, colour in ((-0.13, "WAR", "accent"), (0.13, "UAR", "second")):
            value, low, high = np.array([score[metric] for score in scores.values()]).T
            colour = getattr(COLOURS, colour)
            axes.hlines(places + offset, low, high, color=colour, linewidth=2)
            axes.plot(value, places + offset, "o", color=colour, markersize=5, label=metric)
        axes.set_yticks(places, list(runs))
        axes.set_ylim(-0.5, len(runs) - 0.5)
        axes.tick_params(axis="y", labelcolor=COLOURS.ink)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
        legend_above(figure, ["WAR", "UAR"])
        return figure

    return Chart("scores", "WAR and UAR of each run with 95 % intervals", draw)


def _paired(runs: Mapping[str, Evaluation]) -> Section:
    """Returns each run against the first one on the clips both have; empty if they share none."""
    (reference, first), *others = runs.items()
    rows = [row for name, run in others if (row := _paired_row(name, first, run))]
    if not rows:
        return Section()
    heads = ["run", "shared clips"]
    heads += [
        f"{score}{end}" for score in ("WAR", "UAR") for end in (" difference", " low", " high")
    ]
    heads += [f"only {reference} right", "only this right", "p (McNemar)"]
    table = Table("paired", heads, rows)
    note = (
        f"Each run minus {reference}, in points, on the same clips, which tells smaller "
        f"differences apart than two intervals side by side. Intervals: 95 %, from {_DRAWS:,} "
        "bootstrap draws of clips within classes. p: exact McNemar test of the WAR, not corrected "
        "for the number of runs."
    )
    return Section(section("Paired differences", note, table.html()), tables=[table])


def _paired_row(name: str, first: Evaluation, run: Evaluation) -> list[Cell]:
    """Returns a row of the paired table; empty if no clip is shared."""
    ours = {p.clip_id: p for p in run.predictions}
    pairs = [(p, ours[p.clip_id]) for p in first.predictions if p.clip_id in ours]
    if run.dataset != first.dataset or not pairs:
        return []
    for a, b in pairs:
        if a.label != b.label:
            raise UserError(
                f"clip {a.clip_id!r} is {a.label} in the first run and {b.label} in {name}; "
                "evaluate both on the same build of the data set"
            )
    labels = np.array([first.classes.index(a.label) for a, _ in pairs])
    right = np.array([(a.right, b.right) for a, b in pairs]).T
    found = intervals.paired_differences(
        right[0], right[1], labels, num_classes=len(first.classes), seed=0, draws=_DRAWS
    )
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    p_value = intervals.mcnemar_p_value(only_first, only_second)
    shown = f"{p_value:.3f}" if p_value >= 0.001 else "< 0.001"
    points = [100 * value for value in (*found.war, *found.uar)]
    return [name, len(pairs), *points, only_first, only_second, shown]


def _classes(runs: Mapping[str, Evaluation]) -> Section:
    """Returns the recall of each class in each run."""
    first = next(iter(runs.values()))
    correct = np.array([run.correct for run in runs.values()])
    totals = np.array([run.totals for run in runs.values()])
    chart = recall_chart(first.classes, correct, totals, runs=list(runs), name="classes")
    rows = [
        [name, protocol(run.selection), *sections.score_cells(run)] for name, run in runs.items()
    ]
    table = Table("results", ["run", "protocol", *sections.score_heads(first.classes)], rows)
    html = section(
        "Which classes are recognised",
        "Recall of each class with its 95 % interval; dotted: chance among the classes that have "
        "clips. Table: in percent but for the loss.",
        f"<div class='single'>{chart.svg()}</div>{table.html()}",
    )
    return Section(html, [chart], [table])
