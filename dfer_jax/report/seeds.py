"""Several seeds of one method: mean and spread, the least a ranking of methods needs."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from dfer_jax.report.charts import SIZE, bin_by_intensity, legend_above, percent_axis
from dfer_jax.report.inputs import Evaluation
from dfer_jax.report.intensity import known_intensities
from dfer_jax.report.markup import Section, section
from dfer_jax.report.picture import Chart, Colours
from dfer_jax.report.tables import Cell, Table
from dfer_jax.workdir import RUNTIME_FIELDS

_NOT_THE_METHOD = RUNTIME_FIELDS | {"seed", "name"}


@runtime_checkable
class Measured(Protocol):
    """An evaluation of clips or of frames, and what it was made on."""

    @property
    def dataset(self) -> str:
        """Name of the data set."""

    @property
    def split(self) -> str:
        """Of the data set."""

    @property
    def selection(self) -> str:
        """How the epoch was chosen."""


def group_by_seed(
    runs: Mapping[str, Measured], configs: Mapping[str, Mapping[str, str]]
) -> dict[str, list[str]]:
    """Returns name of a method -> its runs: those alike in all but the seed.

    Args:
        runs: name -> its evaluation; other data or another protocol is another method.
        configs: name -> dotted field -> value; a run without fields is a method of its own.
    """
    found: dict[str, list[str]] = {}
    for name, run in runs.items():
        fields = {k: v for k, v in configs[name].items() if k not in _NOT_THE_METHOD}
        if "train.init_from" in fields:  # a head on the backbone of its own seed
            fields["train.init_from"] = re.sub(r"seed[_-]?\d+", "", fields["train.init_from"])
        data = (run.dataset, run.split, run.selection)
        key = json.dumps([*data, fields or name], sort_keys=True)
        found.setdefault(key, []).append(name)
    groups: dict[str, list[str]] = {}
    for names in found.values():
        groups[_method_name(names, groups)] = names
    return groups


def seeds_section(runs: Mapping[str, Evaluation], groups: Mapping[str, Sequence[str]]) -> Section:
    """Returns mean and standard deviation over seeds; empty where no method has two runs.

    On data with intensity ground truth also recall against it, one curve for each method.
    """
    if all(len(names) < 2 for names in groups.values()):
        return Section()
    classes = next(iter(runs.values())).classes
    heads = ["method", "seeds"]
    for head in ("WAR", "UAR", *classes):
        heads += [head, f"{head} sd"]
    rows = [[name, len(names), *_cells([runs[n] for n in names])] for name, names in groups.items()]
    tables = [Table("seeds", heads, rows)]
    peaks = known_intensities(runs)
    charts = [_intensity(peaks, groups, num_classes=len(classes))] if peaks else []
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


def spread(
    values: Float[np.ndarray, "r m"],
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Returns mean and sample standard deviation over runs; the latter NaN of a single run."""
    if len(values) < 2:
        return values[0], np.full(values.shape[1], np.nan)
    return values.mean(axis=0), values.std(axis=0, ddof=1)


def _intensity(
    peaks: Mapping[str, tuple[np.ndarray, np.ndarray]],
    groups: Mapping[str, Sequence[str]],
    *,
    num_classes: int,
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

    def draw(colours: Colours) -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        axes.axhline(1 / num_classes, color=colours.muted, linestyle=":", linewidth=1.2)
        for i, (name, (mean, sd)) in enumerate(curves.items()):
            colour, marker = colours.run(i)
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


def _method_name(names: Sequence[str], taken: Mapping[str, Sequence[str]]) -> str:
    """Returns the first run's name, without its seed ("gca" of gca_seed0) where it stands for more.

    Two methods whose runs are named alike keep the whole name.
    """
    short = re.sub(r"([/_. -]*seed[_-]?\d+|[/_. -]+\d+)$", "", names[0])
    return names[0] if len(names) == 1 or not short or short in taken else short
