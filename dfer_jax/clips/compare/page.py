"""The page of a comparison: scores over seeds, recalls, costs, and the printed rows beside them."""

import os
from collections.abc import Sequence
from html import escape

import numpy as np
from matplotlib.figure import Figure

from dfer_jax.clips.compare.comparison import Comparison
from dfer_jax.clips.compare.rows import Result
from dfer_jax.plotting import run_sections
from dfer_jax.plotting.charts import SIZE, legend_above
from dfer_jax.plotting.markup import Section, protocol, section
from dfer_jax.plotting.page import write_page
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Cell, Table
from dfer_jax.results.published_row import PublishedRow

_FEW_SEEDS = 3


def write(
    comparison: Comparison, classes: Sequence[str], results: Sequence[Result], path: str
) -> str:
    """Writes the page, and its pictures and tables into the folder of the same name.

    Args:
        comparison: what was asked for.
        classes: in the order of the scores.
        results: of every entry.
        path: of the page, ending in .html.

    Returns:
        `path`.

    Raises:
        UserError: if it cannot be written.
    """
    folder = path.removesuffix(".html")
    parts = [
        _headline(comparison, results, len(classes)),
        *(_scores(results, which, len(classes)) for which in _selections(results)),
        _costs(results),
        *(_recalls(results, classes, which) for which in _selections(results)),
        _given(results),
        _printed(comparison),
        run_sections.footnotes(os.path.basename(folder)),
    ]
    return write_page(path, title=comparison.title, parts=parts, folder=folder)


def _selections(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(name for result in results for name in result.scores))


def _headline(comparison: Comparison, results: Sequence[Result], num_classes: int) -> Section:
    config = results[0].entry.config
    missing = [f"{r.entry.name} {r.done} of {r.asked}" for r in results if r.done < r.asked]
    clips = sorted({result.clips for result in results if result.clips})
    trained = "Trained" if not all(r.entry.weights for r in results) else "Evaluated"
    lead = (
        f"{trained} alike on {config.data.dataset}, seed "
        f"{', '.join(map(str, comparison.seeds))}; {', '.join(map(str, clips)) or 'no'} test "
        f"clips; even guessing has a UAR of {100 / num_classes:.1f} %. {comparison.note}"
    )
    absent = (
        "<p class='banner' role='note'><strong>Incomplete.</strong> Runs done: "
        f"{escape('; '.join(missing))}. The same command again goes on with them.</p>"
    )
    rendered = run_sections.SYNTHETIC if config.data.dataset.startswith("synthetic") else ""
    return Section(
        f"<header><h1>{escape(comparison.title)}</h1><p class='lead'>{escape(lead)}</p></header>"
        f"{absent if missing else ''}{rendered}"
    )


def _scores(results: Sequence[Result], which: str, num_classes: int) -> Section:
    shown = [result for result in results if which in result.scores]
    beside = any(result.entry.published for result in shown)
    rows: list[list[Cell]] = []
    for result in shown:
        found, row = result.scores[which], result.entry.published
        cells: list[Cell] = [result.name, len(found.values)]
        for place in (-2, -1):  # UAR, WAR
            cells += [100 * found.mean[place], 100 * found.spread[place]]
        printed = [row.uar if row.uar is not None else "", row.war] if row else ["", ""]
        rows.append([*cells, 100 * found.values[:, -2].min(), *(printed if beside else [])])
    heads = ["experiment", "seeds", "UAR", "UAR sd", "WAR", "WAR sd", "lowest UAR"]
    heads += ["UAR printed", "WAR printed"] if beside else []
    table = Table(f"scores-{_slug(which)}", heads, rows)
    few = any(len(result.scores[which].values) < _FEW_SEEDS for result in shown)
    note = "In percent: mean and standard deviation over seeds, each pooled over its folds. " + (
        "Fewer than three seeds say little of the spread: rank nothing by them." if few else ""
    )
    chart = _chart(shown, which, num_classes)
    body = f"<div class='single'>{chart.svg()}</div>{table.html()}"
    return Section(section(protocol(which), note, body), [chart], [table])


def _chart(results: Sequence[Result], which: str, num_classes: int) -> Chart:
    places = np.arange(len(results))

    def draw() -> Figure:
        figure = Figure(figsize=(SIZE[0], 0.9 + 0.3 * len(results)), layout="constrained")
        axes = figure.subplots()
        for offset, name, place in ((-0.13, "WAR", -1), (0.13, "UAR", -2)):
            colour = COLOURS.accent if name == "WAR" else COLOURS.second
            for row, result in zip(places, results, strict=True):
                values = result.scores[which].values[:, place]
                label = name if row == 0 else None
                axes.plot(
                    values, np.full(len(values), row + offset), "o", color=colour, markersize=4,
                    label=label,
                )  # fmt: skip
        axes.axvline(1 / num_classes, color=COLOURS.muted, linestyle=":", linewidth=1.2)
        axes.set_yticks(places, [result.name for result in results])
        axes.set_ylim(-0.5, len(results) - 0.5)
        axes.tick_params(axis="y", labelcolor=COLOURS.ink)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
        legend_above(figure, ["WAR", "UAR"])
        return figure

    label = "WAR and UAR of each seed; dotted: even guessing"
    return Chart(f"seeds-{_slug(which)}", label, draw)


def _costs(results: Sequence[Result]) -> Section:
    rows: list[list[Cell]] = [
        [r.name, r.costs.parameters, r.costs.macs / 1e9, 1000 * r.costs.seconds]
        for r in results
        if r.costs
    ]
    heads = ["experiment", "parameters", "GMAC a clip", "ms a clip"]
    table = Table("costs", heads, rows, decimals=3)
    device = next(r.costs.device for r in results if r.costs)
    note = (
        "Multiply-accumulates of all test views of a clip, counted from its shapes. Time: one clip "
        f"alone on {device} of this machine, the fastest of seven, without reading the clip; what "
        "else the machine did then makes it longer."
    )
    return Section(section("What they cost", note, table.html()), tables=[table])


def _recalls(results: Sequence[Result], classes: Sequence[str], which: str) -> Section:
    rows: list[list[Cell]] = [
        [r.name, *(100 * r.scores[which].mean[: len(classes)]).tolist()]
        for r in results
        if which in r.scores
    ]
    table = Table(f"recalls-{_slug(which)}", ["experiment", *classes], rows, decimals=1)
    title = f"Recall of each class, {protocol(which).lower()}"
    return Section(section(title, "In percent, mean over seeds.", table.html()), tables=[table])


def _given(results: Sequence[Result]) -> Section:
    """Returns what is known of the weights that were evaluated and not trained."""
    rows = [[r.entry.name, *r.weights] for r in results if r.weights]
    if not rows:
        return Section()
    heads = ["experiment", "weights", "origin", "terms", "scores by its authors"]
    table = Table("given-weights", heads, rows, for_print=False)
    note = (
        "These were not trained here but evaluated as they are: what they were trained on, how "
        "long, and by which clips an epoch was chosen, the protocol of this page does not decide."
    )
    body = "".join(
        f"<p><strong>{escape(name)}</strong>: {escape(folder)}, {escape(origin)} {escape(known)}"
        + f" Its authors print: {escape(printed)}." * bool(printed)
        + "</p>"
        for name, folder, origin, known, printed in rows
    )
    return Section(section("Evaluated, not trained here", note, body), tables=[table])


def _printed(comparison: Comparison) -> Section:
    """Returns the printed rows: of the entries, and those of the table that have no entry."""
    of_entries = [entry.published for entry in comparison.entries]
    found = [*(row for row in of_entries if row), *comparison.printed_only]
    if not found:
        return Section()
    rows = [printed_cells(row) for row in _once(found)]
    heads = ["method", "UAR", "WAR", "protocol", "source", "note"]
    table = Table("printed", heads, rows)
    note = "As their authors, or others, print them; none was measured here."
    return Section(section("Printed rows", note, table.html()), tables=[table])


def printed_cells(row: PublishedRow) -> list[Cell]:
    """Returns a printed row's method, UAR, WAR, protocol, source and note."""
    uar = row.uar if row.uar is not None else ""
    return [row.method, uar, row.war, row.protocol, row.source, row.note]


def _once(rows: Sequence[PublishedRow]) -> list[PublishedRow]:
    return [row for place, row in enumerate(rows) if row not in rows[:place]]


def _slug(selection: str) -> str:
    return selection.replace(" ", "-")
