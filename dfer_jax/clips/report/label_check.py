"""Training clips whose label several views of the clip contradict, for a person to check."""

import os
from html import escape

import numpy as np
from matplotlib.figure import Figure

from dfer_jax.clips.noisy_labels import Judged, judged_file, read_judged
from dfer_jax.clips.report.filmstrips import (
    FRAMES,
    ReadFrames,
    keep_pictures,
    kept_pictures,
    strip_figure,
)
from dfer_jax.clips.report.label_log import log_charts
from dfer_jax.errors import UserError
from dfer_jax.plotting.charts import SIZE, legend_above, percent_axis
from dfer_jax.plotting.markup import Section, panel, percent, section, side_by_side
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Table
from dfer_jax.runs.read_files import Series

_STRIPS = 12
_HARDEST = 10
_BINS = 20
_MEANING = {
    "clean": "The views agree: on the label, or on another class without being sure.",
    "hard": "The views differ. Training by agreement gives these clips more weight.",
    "noisy": "The views are sure of another class than the label, which may be wrong.",
}


def save_label_strips(workdir: str, read_frames: ReadFrames) -> None:
    """Keeps the pictures of the clips most likely to have a wrong label, if clips were judged.

    Raises:
        UserError: if a frame cannot be decoded, or the judgement is damaged.
    """
    path = judged_file(workdir)
    if os.path.exists(path):
        judged, _ = read_judged(path)
        shown = judged.clip_ids[judged.noisiest[:_STRIPS]].tolist()
        keep_pictures(_folder(workdir), shown, read_frames)


def label_section(workdir: str, series: Series) -> Section:
    """Returns what the views say of the training clips, at the end and while training.

    Empty where neither was recorded.

    Raises:
        UserError: if the judgement is damaged or a picture kept with it is gone.
    """
    logged = log_charts(series)
    path = judged_file(workdir)
    if not os.path.exists(path):
        if not logged:
            return Section()
        return Section(section("Labels to check", _LOG_NOTE, _panels(logged)), logged)
    judged, about = _read(path)
    charts = [_level_chart(judged), _margin_chart(judged, m_noisy=about["robust"]["m_noisy"])]
    hardest = _hardest_table(judged)
    body = "".join(
        [
            _cards(judged),
            _panels(charts),
            f"<p class='note'>{escape(_LOG_NOTE)}</p>{_panels(logged)}" if logged else "",
            _strips(judged, about, workdir),
            f"<h3>Hardest clips</h3>{hardest.html()}" if hardest.rows else "",
        ]
    )
    note = _note(judged, about)
    tables = [_level_table(judged), *([hardest] if hardest.rows else [])]
    return Section(section("Labels to check", note, body), [*charts, *logged], tables)


_LOG_NOTE = (
    "While it trained: shares of the verdicts, and how often the class of most views is the label, "
    "by how many views agree, as each clip came up."
)


def _read(path: str) -> tuple[Judged, dict]:
    """Returns what was judged and how, complete as far as the page needs it."""
    judged, about = read_judged(path)
    try:
        robust = {name: float(about["robust"][name]) for name in ("a_noisy", "m_noisy")}
        return judged, {"epoch": float(about["epoch"]), "robust": robust}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} does not say how the clips were judged ({error}); write it again with "
            "`dfer judge`"
        ) from error


def _folder(workdir: str) -> str:
    return judged_file(workdir).removesuffix("json") + "filmstrips"


def _note(judged: Judged, about: dict) -> str:
    """Returns what was done, with which settings."""
    robust = about["robust"]
    known = percent(float((judged.modal_class == judged.labels).mean()))
    return (
        f"The weights of epoch {about['epoch']:g} classified {judged.views} random samplings of "
        f"the frames of each of the {len(judged):,} training clips. A clip is noisy if "
        f"{_agreeing(judged, about)} get one class and the label's mean probability is more than "
        f"{robust['m_noisy']:g} below the largest, which is the margin. It is hard if it is not "
        f"noisy and the views differ. Most views say the label of {known} of the clips: of a "
        "network that knows few of them, or has learned wrong labels by heart, the verdicts mean "
        "little. All clips by margin: eval/train.judged.csv."
    )


def _agreeing(judged: Judged, about: dict) -> str:
    """Returns how many views of a noisy clip agree, in words."""
    needed = int(np.ceil(about["robust"]["a_noisy"] * judged.views - 1e-6))
    if needed >= judged.views:
        return f"all {judged.views} views"
    return f"at least {needed} of {judged.views} views"


def _panels(charts: list[Chart]) -> str:
    return side_by_side(*(panel(chart.label, chart.svg()) for chart in charts))


def _cards(judged: Judged) -> str:
    cards = "".join(
        f"<div class='card'><h3>{name.capitalize()}</h3><dl class='figures'><div><dt>clips</dt>"
        f"<dd>{count:,}<small>{percent(count / len(judged))} of all</small></dd></div></dl>"
        f"<p class='note'>{_MEANING[name]}</p></div>"
        for name, count in judged.counts.items()
    )
    return f"<div class='cards apart'>{cards}</div>"


def _levels(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Returns clips, and those whose modal class is the label, by votes 1..K."""
    levels, right = judged.levels, judged.modal_class == judged.labels
    length = judged.views + 1
    return np.bincount(levels, minlength=length)[1:], np.bincount(levels[right], minlength=length)[
        1:
    ]


def _level_chart(judged: Judged) -> Chart:
    totals, right = _levels(judged)
    shares = {"most views say the label": right, "most views say another class": totals - right}

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        places, bottom = np.arange(judged.views), np.zeros(judged.views)
        for (name, counts), colour in zip(
            shares.items(), (COLOURS.accent, COLOURS.second), strict=True
        ):
            height = counts / len(judged)
            axes.bar(places, height, 0.62, bottom, color=colour, alpha=0.8, linewidth=0, label=name)
            bottom = bottom + height
        for place, top, total, good in zip(places, bottom, totals, right, strict=True):
            text = f"label {100 * good / total:.0f} %" if total else "none"
            style = {"ha": "center", "color": COLOURS.muted, "fontsize": 8}
            axes.annotate(text, (place, top), (0, 3), textcoords="offset points", **style)
        percent_axis(axes)
        axes.set_ylim(0, 1.1)
        axes.set_xticks(places, [f"{i + 1} of {judged.views}" for i in places])
        axes.set_xlabel("views that agree")
        axes.set_ylabel("clips")
        legend_above(figure, list(shares))
        return figure

    return Chart("agreement-levels", "Clips by how many views agree", draw)


def _margin_chart(judged: Judged, *, m_noisy: float) -> Chart:
    """A margin of 0, where the label has the largest mean probability, would dwarf the rest."""
    edges = np.linspace(0, 1, _BINS + 1)
    counts = {
        name: np.histogram(judged.margin[(judged.verdict == i) & (judged.margin > 0)], edges)[0]
        for i, name in enumerate(judged.counts)
    }
    count = sum(int(c.sum()) for c in counts.values())

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        bottom = np.zeros(_BINS)
        used = (COLOURS.accent, COLOURS.muted, COLOURS.second)
        for (name, bars), colour in zip(counts.items(), used, strict=True):
            style = {"width": 0.88 / _BINS, "align": "edge", "linewidth": 0, "alpha": 0.8}
            axes.bar(edges[:-1], bars, bottom=bottom, color=colour, label=name, **style)
            bottom = bottom + bars
        axes.axvline(m_noisy, color=COLOURS.muted, linestyle=":", linewidth=1.2)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(1.0, 1.08 * float(bottom.max())))
        axes.set_xlabel("margin by which another class exceeds the label")
        axes.set_ylabel("clips")
        legend_above(figure, list(counts))
        return figure

    return Chart("label-margins", f"Margins of the {count:,} clips with another class ahead", draw)


def _strips(judged: Judged, about: dict, workdir: str) -> str:
    """Returns the noisy clips of largest margin as filmstrips, or why there are none."""
    heading = "<h3>Labels most likely to be wrong</h3>"
    rows = judged.noisiest[:_STRIPS].tolist()
    if not rows:
        return f"{heading}<p>No clip was judged noisy.</p>"
    kept = kept_pictures(_folder(workdir))
    figures = "".join(
        strip_figure(kept.get(str(judged.clip_ids[row]), []), _caption(judged, row), clip_id)
        for row in rows
        for clip_id in [str(judged.clip_ids[row])]
    )
    meaning = (
        f"{_agreeing(judged, about).capitalize()} of each of these clips got another class than "
        "its label, and the label itself little probability: look whether the label is right. "
        f"{FRAMES} frames spread over each clip, in time order; the largest margin first."
    )
    return f"{heading}<p class='note'>{meaning}</p><div class='strips'>{figures}</div>"


def _caption(judged: Judged, row: int) -> str:
    label, found = (judged.classes[i[row]] for i in (judged.labels, judged.modal_class))
    unlikely, likely = float(judged.label_probability[row]), float(judged.margin[row])
    return (
        f"<span>label <strong>{escape(label)}</strong> {percent(unlikely)}</span><span "
        f"class='miss'>{judged.levels[row]} of {judged.views} views <strong>{escape(found)} "
        f"{percent(likely + unlikely)}</strong></span><span>margin {likely:.2f}</span>"
    )


def _hardest_table(judged: Judged) -> Table:
    rows = [
        [
            str(judged.clip_ids[i]),
            judged.classes[judged.labels[i]],
            f"{judged.levels[i]} of {judged.views}",
            judged.classes[judged.modal_class[i]],
            100 * float(judged.label_probability[i]),
            float(judged.margin[i]),
        ]
        for i in judged.hardest[:_HARDEST].tolist()
    ]
    heads = ["clip", "label", "views that agree", "most views say", "label, %", "margin"]
    return Table("hardest-clips", heads, rows, for_print=False)


def _level_table(judged: Judged) -> Table:
    rows = [
        [f"{i} of {judged.views}", int(n), int(right), 100 * right / n if n else float("nan")]
        for i, (n, right) in enumerate(zip(*_levels(judged), strict=True), start=1)
    ]
    heads = ["views that agree", "clips", "most views say the label", "share, %"]
    return Table("agreement-levels", heads, rows)
