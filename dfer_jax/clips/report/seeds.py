"""Several seeds of one method: mean and spread, the least a ranking of methods needs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.clips.report.intensity import known_intensities
from dfer_jax.plotting.charts import SIZE, bin_by_intensity, legend_above, percent_axis
from dfer_jax.plotting.markup import Section, section
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Cell, Table
from dfer_jax.runs.seeds import spread


def seeds_section(runs: Mapping[str, Evaluation], groups: Mapping[str, Sequence[str]]) -> Section:
    """Returns mean and standard deviation over seeds; empty where no method has two runs.

    On data with intensity ground truth also recall against it, one curve for each method.
    """
    if all(len(names) < 2 for names in groups.values()):
        return Section()
    first = next(iter(runs.values()))
    classes = first.classes
    heads = ["method", "seeds"]
    for head in ("WAR", "UAR", *classes):
        heads += [head, f"{head} sd"]
    rows = [[name, len(names), *_cells([runs[n] for n in names])] for name, names in groups.items()]
    tables = [Table("seeds", heads, rows)]
    peaks = known_intensities(runs)
    charts = [_intensity(peaks, groups, chance=first.chance)] if peaks else []
    shown = "".join(f"<div class='single'>{chart.svg()}</div>" for chart in charts)
    note = (
        "Runs alike in all but the seed are one method. Mean and standard deviation (sd) over its "
        "seeds, in percent: what another seed would change, on top of the draw of test clips."
    )
    curve = " Curve: recall against peak intensity, bars one sd; dotted: chance." if charts else ""
    return Section(section("Over seeds", note + curve, tables[0].html() + shown), charts, tables)


def _cells(runs: Sequence[Evaluation]) -> list[Cell]:
    """Returns mean and sd of WAR, UAR and the recalls, in percent; no sd of a single run."""
    values = 100 * np.array([[run.war, run.uar, *run.recall] for run in runs])
    mean, sd = spread(values)
    return [float(v) for pair in zip(mean, sd, strict=True) for v in pair]


def _intensity(
    peaks: Mapping[str, tuple[np.ndarray, np.ndarray]],
    groups: Mapping[str, Sequence[str]],
    *,
    chance: float,
) -> Chart:
    """Returns recall against peak intensity: mean over seeds, bars one standard deviation."""
    bins = bin_by_intensity(peaks)
    recall = {
        run: np.divide(bins.correct[run], n, out=np.full(len(n), np.nan), where=n > 0)
        for run, n in bins.totals.items()
    }
    curves = {
        name: spread(np.array([recall[run] for run in names if run in recall]))
        for name, names in groups.items()
        if any(run in recall for run in names)
    }
    apart = 0.012 * (bins.edges[-1] - bins.edges[0])

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        axes.axhline(chance, color=COLOURS.muted, linestyle=":", linewidth=1.2)
        for i, (name, (mean, sd)) in enumerate(curves.items()):
            colour, marker = COLOURS.run(i)
            at = bins.means + apart * (i - (len(curves) - 1) / 2)
            axes.vlines(at, mean - sd, mean + sd, color=colour, linewidth=1.6)
            line = {"linewidth": 1, "markersize": 5, "label": name}
            axes.plot(at, mean, f"{marker}-", color=colour, **line)
        percent_axis(axes)
        axes.set_ylim(0, 1.05)
        axes.set_xlabel("peak intensity of the clip")
        legend_above(figure, list(curves))
        return figure

    return Chart("seeds-intensity", "Recall against peak intensity, mean and sd over seeds", draw)
