"""A cross-validation table as text, CSV, LaTeX and JSON, beside the published row."""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dfer_jax.clips.crossval.scores import CURVES, Row, headline
from dfer_jax.plotting.tables import escape_latex
from dfer_jax.results.intervals import wilson_interval
from dfer_jax.results.published import PublishedRow, war_of_recalls
from dfer_jax.runtime.spreadsheet import SpreadsheetWriter

IN_WORDS = {
    "last": "last epoch",
    "best on test": "best epoch on test (the papers' protocol, optimistic)",
    "best on validation": "best epoch on validation clips",
    CURVES: "best epoch on test, scores from the curves (no predictions kept)",
}
_LABEL, _CELL = 26, 10


@dataclasses.dataclass(frozen=True)
class Table:
    """All that is printed and saved.

    Attributes:
        title: data set, folds and seeds, in words.
        classes: names of the first columns.
        rows: of `scores.summarise`.
        published: the row the config reproduces, or None.
        notes: sentences to read with the table.
    """

    title: str
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    published: PublishedRow | None
    notes: tuple[str, ...]


def as_text(table: Table) -> str:
    """Returns the table for a terminal, percentages, two digits."""
    names = "".join(f"{name:>{_CELL}}" for name in (*_cut(table.classes), "UAR", "WAR"))
    lines = [f"{table.title}; percent", f"{'':{_LABEL}}{names}{'clips':>8}"]
    many_seeds = len({row.seed for row in table.rows} - {None}) > 1
    selections = list(dict.fromkeys(row.selection for row in table.rows))
    for selection in selections:
        lines.append(IN_WORDS.get(selection, selection))
        for row in (row for row in table.rows if row.selection == selection):
            seed = f", seed {row.seed}" if many_seeds and row.seed is not None else ""
            lines.append(_line(f"  {row.what}{seed}", row.values) + f"{row.clips:8d}")
            if row.low is not None and row.high is not None:
                lines += [_line("    95 % from", row.low), _line("    95 % to", row.high)]
    if table.published:
        row = table.published
        lines.append(f"published, not measured here: {row.method} ({row.source}; {row.protocol})")
        lines.append(_line("  as printed", _published_values(row, len(table.classes))))
    lines += ["", *_side_by_side(table, selections)]
    return "\n".join([*lines, "", *(f"* {note}" for note in table.notes)])


def _cut(classes: Sequence[str]) -> list[str]:
    """Returns names that fit their columns; of those that do not, the start and the place."""
    return [
        name if len(name) < _CELL else f"{name[: _CELL - 5]}.{number:02d}"
        for number, name in enumerate(classes, start=1)
    ]


def _initials(classes: Sequence[str]) -> list[str]:
    """Returns two letters for each class, as papers print; none if they do not tell them apart."""
    letters = [name[:2].upper() for name in classes]
    plain = all(pair.isascii() and pair.isalpha() for pair in letters)
    return letters if plain and len(set(letters)) == len(letters) else []


def as_csv(table: Table) -> str:
    """Returns every row with its bounds, percentages; empty cells where there is no value."""
    names = [*table.classes, "UAR", "WAR"]
    file = io.StringIO()
    writer = SpreadsheetWriter(file)
    sides = [f"{name} {side}" for side in ("95% low", "95% high") for name in names]
    writer.writerow(["selection", "row", "seed", "clips", *names, *sides])
    for row in table.rows:
        seed = "" if row.seed is None else row.seed
        empty = np.full(len(names), np.nan)
        bounds = [empty if bound is None else bound for bound in (row.low, row.high)]
        cells = [_digits(x, 4, "") for x in np.concatenate([row.values, *bounds])]
        writer.writerow([row.selection, row.what, seed, row.clips, *cells])
    if table.published:
        values = _published_values(table.published, len(table.classes))
        about = f"{table.published.method}, {table.published.source}; {table.published.protocol}"
        cells = [*(_digits(x, 4, "") for x in values), *[""] * len(sides)]
        writer.writerow(["published, not measured here", about, "", "", *cells])
    return file.getvalue()


def as_latex(table: Table) -> str:
    """Returns a booktabs table: one line per selection, over seeds or pooled, and the published."""
    k = len(table.classes)
    heads = " & ".join(_initials(table.classes) or map(escape_latex, table.classes))
    lines = [
        f"% {table.title}; percent. Needs \\usepackage{{booktabs}}.",
        f"\\begin{{tabular}}{{l{'r' * (k + 2)}}}",
        "\\toprule",
        f"Epoch & {heads} & UAR & WAR \\\\",
        "\\midrule",
    ]
    for selection in dict.fromkeys(row.selection for row in table.rows):
        row = headline(table.rows, selection)
        spread = [r for r in table.rows if r.selection == selection and r.what == "sd of seeds"]
        cells = [_digits(x, 2, "--") for x in row.values]
        if spread:
            cells = [
                f"${cell} \\pm {_digits(sd, 2, '--')}$"
                for cell, sd in zip(cells, spread[0].values, strict=True)
            ]
        lines.append(f"{escape_latex(f'{selection}, {row.what}')} & {' & '.join(cells)} \\\\")
    if table.published:
        cells = [_digits(x, 2, "--") for x in _published_values(table.published, k)]
        name = escape_latex(f"{table.published.method} (published, {table.published.source})")
        lines += ["\\midrule", f"{name} & {' & '.join(cells)} \\\\"]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def as_json(table: Table) -> dict[str, Any]:
    """Returns the table as plain values, shares in [0, 1] and null where there is none."""
    names = [*table.classes, "uar", "war"]

    def named(values: np.ndarray | None) -> dict[str, float | None] | None:
        if values is None:
            return None
        cells = (float(x) if np.isfinite(x) else None for x in values)
        return dict(zip(names, cells, strict=True))

    rows = [
        {
            **{name: getattr(row, name) for name in ("selection", "what", "seed", "clips")},
            "values": named(row.values),
            "low": named(row.low),
            "high": named(row.high),
        }
        for row in table.rows
    ]
    published = table.published and {
        name: getattr(table.published, name)
        for name in ("method", "source", "protocol", "recall", "uar", "war")
    }
    return {
        "title": table.title,
        "classes": list(table.classes),
        "rows": rows,
        "published_in_percent_not_measured_here": published,
        "notes": list(table.notes),
    }


def rarest_class_note(
    classes: Sequence[str], counts: Mapping[int, Sequence[int]], recall: Sequence[float]
) -> str:
    """Returns one line on what the few clips of the rarest class mean for the figures.

    Args:
        classes: names.
        counts: by fold, the test clips of each class.
        recall: pooled, per class, in [0, 1].
    """
    totals = np.sum(list(counts.values()), axis=0)
    present = np.flatnonzero(totals)
    rare = int(present[totals[present].argmin()])
    total = int(totals[rare])
    least = max(1, min(fold[rare] for fold in counts.values()))
    hits = np.array([round(float(recall[rare]) * total)])
    low, high = (100 * float(bound[0]) for bound in wilson_interval(hits, np.array([total])))
    in_fold = (
        f"{least} in a fold: there one clip is {100 / least:.2f} points of its recall and "
        f"{100 / least / len(present):.2f} of UAR; "
    )
    return (
        f"{classes[rare]} has {total} test clips, {in_fold if len(counts) > 1 else ''}"
        f"{'pooled, ' if len(counts) > 1 else ''}one is {100 / total:.2f} points of its recall and "
        f"{100 / total / len(present):.2f} of UAR, and {hits[0]} of {total} right leaves its "
        f"recall open from {low:.1f} to {high:.1f} (95 %). One of all {totals.sum():,} clips is "
        f"{100 / totals.sum():.3f} points of WAR."
    )


def published_check_note(row: PublishedRow, totals: Sequence[int]) -> str:
    """Returns whether the printed recalls and this data set's class counts give the printed WAR."""
    war = war_of_recalls(row.recall, totals)
    agrees = "as printed" if abs(war - row.war) < 0.02 else f"not the {row.war} printed"
    return (
        f"The published recalls, over the {sum(totals):,} test clips here, give WAR {war:.2f}, "
        f"{agrees}."
    )


def other_systems_note(rows: Sequence[PublishedRow]) -> str:
    """Returns what other systems reached on this data set, as printed; rows of one protocol."""
    told = [
        f"{row.method} {'-' if row.uar is None else f'{row.uar:.2f}'}/{row.war:.2f} ({row.source})"
        for row in rows
    ]
    return (
        f"Published for other systems, not measured here, UAR/WAR, {rows[0].protocol}: "
        f"{', '.join(told)}."
    )


def _side_by_side(table: Table, selections: Sequence[str]) -> list[str]:
    lines = ["in short"]
    for selection in selections:
        row = headline(table.rows, selection)
        cells = []
        for name, i in (("UAR", -2), ("WAR", -1)):
            bounds = ""
            if row.low is not None and row.high is not None:
                bounds = f" [{_digits(row.low[i], 2)}, {_digits(row.high[i], 2)}]"
            cells.append(f"{name} {_digits(row.values[i], 2)}{bounds}")
        lines.append(f"  {'  '.join(cells)}  {row.what}, {IN_WORDS.get(selection, selection)}")
    if table.published:
        uar = "-" if table.published.uar is None else f"{table.published.uar:.2f}"
        lines.append(f"  UAR {uar}  WAR {table.published.war:.2f}  published")
    return lines


def _published_values(row: PublishedRow, num_classes: int) -> np.ndarray:
    """Recalls, UAR and WAR as shares; NaN where the paper prints none."""
    recall = row.recall or (np.nan,) * num_classes
    uar = np.nan if row.uar is None else row.uar
    return np.array([*recall, uar, row.war], np.float64) / 100


def _line(label: str, values: np.ndarray) -> str:
    return f"{label:{_LABEL}}" + "".join(f"{_digits(x, 2):>{_CELL}}" for x in values)


def _digits(share: float, digits: int, absent: str = "-") -> str:
    return f"{100 * share:.{digits}f}" if np.isfinite(share) else absent
