"""Sections that pages of all runs share."""

from html import escape

import numpy as np

from dfer_jax.plotting.charts import Curve, line_chart
from dfer_jax.plotting.markup import (
    Section,
    panel,
    percent,
    section,
    side_by_side,
)
from dfer_jax.runs.read_files import Series, flat_fields

SYNTHETIC = (
    "<p class='banner' role='note'><strong>Rendered faces.</strong> These figures come from "
    "synthetic clips. They show that the training works and let methods be compared under known "
    "conditions; they say nothing about accuracy on real faces.</p>"
)


def configuration(config: dict) -> Section:
    """Returns the configuration, folded up, one row per field; empty where there is none."""
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(name)}</code></th>"
        f"<td><code>{escape(value)}</code></td></tr>"
        for name, value in flat_fields(config).items()
    )
    table = f"<table class='plain'>{rows}</table>"
    details = f"<details><summary>Configuration</summary>{table}</details>"
    return Section(f"<section>{details}</section>" if rows else "")


def footnotes(folder: str) -> Section:
    """Returns how to read the figures, and where the pictures and tables of the page lie."""
    return Section(
        "<footer class='note'><p>WAR, weighted average recall, is the share of all clips predicted "
        "right. UAR, unweighted average recall, is the mean of the class recalls.</p><p>Intervals "
        "are 95 % Wilson intervals, combined over classes for the UAR. They cover the draw of test "
        "clips, taken as independent; the spread between training seeds comes on top.</p><p>The "
        "pictures as SVG and PNG and the tables as CSV and LaTeX (booktabs) are in "
        f"<code>{escape(folder)}/</code>.</p></footer>"
    )


def training_speed(series: Series) -> Section:
    """Returns training speed and the share of time spent waiting for data; empty if not logged."""
    panels, charts = [], []
    for name, heading, is_share in (
        ("train/clips_per_s", "Clips per second", False),
        ("train/windows_per_s", "Windows per second", False),
        ("train/data_wait", "Share of time waiting for data", True),
    ):
        if name not in series or not np.isfinite(series[name][1]).any():
            continue
        median = float(np.nanmedian(series[name][1]))
        figure = percent(median) if is_share else f"{median:,.1f}"
        curve = Curve(heading, "accent", *series[name])
        file_name = name.replace("/", "-").replace("_", "-")
        chart = line_chart([curve], name=file_name, label=heading, percent=is_share)
        charts.append(chart)
        panels.append(panel(f"{heading}: median {figure}", chart.svg()))
    if not panels:
        return Section()
    return Section(section("Training speed", "", side_by_side(*panels)), charts)
