"""Video by video: how accuracy spreads, and some of them frame by frame."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from dfer_jax.frames.report.inputs import Evaluated, active
from dfer_jax.frames.report.timelines import timeline
from dfer_jax.plotting.charts import SIZE, percent_axis
from dfer_jax.plotting.markup import Section, panel, percent, section
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Table

_FEWEST = 30  # labelled frames of a video whose accuracy says something
_LONGEST = 3


class VideoScores(NamedTuple):
    """One video: its frames, those with a label, and the share right of frames or cells."""

    video: str
    frames: int
    labelled: int
    accuracy: float
    all_right: float  # share of the labelled frames whose units are all right


def video_scores(evaluated: Evaluated) -> list[VideoScores]:
    """Returns the videos with labelled frames, best first."""
    predicted, truth = active(evaluated.result)
    right = (predicted == truth).all(axis=1)
    places = np.searchsorted(
        np.array(evaluated.videos), evaluated.result.videos[evaluated.result.mask]
    )
    labelled = evaluated.frames_by_video
    all_right = np.bincount(places, weights=right, minlength=len(labelled)) / labelled
    accuracy = all_right
    if evaluated.result.kind == "action_units":
        cells = (predicted == truth).mean(axis=1)
        accuracy = np.bincount(places, weights=cells, minlength=len(labelled)) / labelled
    names, counts = np.unique(evaluated.result.videos, return_counts=True)
    frames = dict(zip(names.tolist(), counts.tolist(), strict=True))
    lists = (labelled.tolist(), accuracy.tolist(), all_right.tolist())
    found = [
        VideoScores(video, frames[video], *row)
        for video, *row in zip(evaluated.videos, *lists, strict=True)
    ]
    return sorted(found, key=lambda row: -row.accuracy)


def chosen_videos(rows: Sequence[VideoScores]) -> dict[str, VideoScores]:
    """Returns the best, the median and the worst video with 30 labelled frames or more.

    Where there is none, of the three with the most labelled frames.

    Args:
        rows: of `video_scores`, best first.
    """
    long = [row for row in rows if row.labelled >= _FEWEST]
    if not long:
        longest = sorted(rows, key=lambda row: -row.labelled)[:_LONGEST]
        long = [row for row in rows if row in longest]
    chosen = {"Best": long[0]}
    if len(long) > 2:
        chosen["Median"] = long[len(long) // 2]
    if len(long) > 1:
        chosen["Worst"] = long[-1]
    return chosen


def video_section(evaluated: Evaluated) -> Section:
    """Returns timelines of some videos, and the accuracy of all."""
    rows = video_scores(evaluated)
    charts, panels = [], []
    for name, row in chosen_videos(rows).items():
        chart = timeline(evaluated.result, row.video, name=f"timeline-{name.lower()}")
        heading = (
            f"{name}: {row.video}, {percent(row.accuracy)} right, {row.labelled:,} of "
            f"{row.frames:,} frames labelled"
        )
        charts.append(chart)
        panels.append(f"<div class='apart'>{panel(heading, chart.svg())}</div>")
    spread, table = _spread_chart(rows), _table(evaluated, rows)
    folded = f"<details><summary>All {len(rows):,} videos</summary>{table.html()}</details>"
    accuracy = f"<div class='single'>{panel(spread.label, spread.svg())}</div>"
    note = (
        f"{evaluated.protocol}. Over the true frame numbers: nothing is drawn where there is no "
        f"picture. Chosen by accuracy among the videos with {_FEWEST} labelled frames or more, or "
        f"else the {_LONGEST} longest."
    )
    html = section("Frame by frame", note, "".join([*panels, accuracy, folded]))
    return Section(html, [*charts, spread], [table])


def _table(evaluated: Evaluated, rows: Sequence[VideoScores]) -> Table:
    units = evaluated.result.kind == "action_units"
    cells = [
        [r.video, r.frames, r.labelled, 100 * r.accuracy, *([100 * r.all_right] if units else [])]
        for r in rows
    ]
    heads = ["video", "frames", "labelled", "right, %", *(["all units right, %"] if units else [])]
    return Table("videos", heads, cells, for_print=False)


def _spread_chart(rows: Sequence[VideoScores]) -> Chart:
    labelled, accuracy = np.array([(row.labelled, row.accuracy) for row in rows]).T

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        axes.plot(labelled, accuracy, "o", color=COLOURS.accent, markersize=5, alpha=0.7)
        percent_axis(axes)
        axes.set_ylim(-0.03, 1.03)
        if labelled.max() > 20 * labelled.min():
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
        axes.set_xlabel("labelled frames of the video")
        return figure

    return Chart("videos", "Accuracy of each video", draw)
