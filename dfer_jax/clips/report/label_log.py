"""Agreement while a run trained: shares of the verdicts, and accuracy by agreement, over epochs."""

import numpy as np

from dfer_jax.plotting.charts import Curve, line_chart
from dfer_jax.plotting.picture import Chart
from dfer_jax.runs.read_files import Series
from dfer_jax.training.agreement import VERDICTS, accuracy_by_level

_COLOURS = ("accent", "muted", "second")


def log_charts(series: Series) -> list[Chart]:
    """Returns the two charts of `agreement.tally`, averaged over each epoch; [] if not logged."""
    views = sum(f"train/agree_{i}" in series for i in range(1, len(series) + 1))
    names = [
        *VERDICTS,
        *(f"agree_{i}{end}" for i in range(1, views + 1) for end in ("", "_correct")),
    ]
    if not views or any(f"train/{name}" not in series for name in names):
        return []
    by_epoch = epoch_means({name: series[f"train/{name}"] for name in names})
    epochs = np.array(sorted(by_epoch), np.float64)
    shares = [
        Curve(name, colour, epochs, np.array([by_epoch[e][name] for e in epochs]))
        for name, colour in zip(VERDICTS, _COLOURS, strict=True)
    ]
    accuracy = [accuracy_by_level(by_epoch[e], views=views) for e in epochs]
    levels = [
        Curve(
            f"{i} of {views}", i - 1, epochs, np.array([a.get(i / views, np.nan) for a in accuracy])
        )
        for i in range(1, views + 1)
    ]
    levels = [curve for curve in levels if np.isfinite(curve.y).any()]
    charts = {
        "verdicts": ("Verdicts over the epochs", shares),
        "agreement-accuracy": ("Most views say the label, by how many agree", levels),
    }
    return [
        line_chart(curves, name=name, label=label, percent=True)
        for name, (label, curves) in charts.items()
        if curves
    ]


def epoch_means(series: Series) -> dict[float, dict[str, float]]:
    """Returns epoch, 1 for the first -> mean of each series over what was logged during it.

    Args:
        series: of points that each stand for equally many clips; those that are not finite are
            left out, and an epoch without any other is as well.
    """
    found: dict[float, dict[str, list[float]]] = {}
    for name, (epochs, values) in series.items():
        during = np.maximum(1, np.ceil(epochs - 1e-6))
        for epoch, value in zip(during.tolist(), values.tolist(), strict=True):
            if np.isfinite(value):
                found.setdefault(epoch, {}).setdefault(name, []).append(value)
    return {
        epoch: {name: float(np.mean(values)) for name, values in parts.items()}
        for epoch, parts in found.items()
        if len(parts) == len(series)
    }
