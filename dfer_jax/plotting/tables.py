"""Tables of the report: HTML on the page, CSV and LaTeX beside it."""

import dataclasses
import io
import os
import re
from collections.abc import Sequence
from html import escape

from dfer_jax.runtime.durable_files import replacing
from dfer_jax.runtime.spreadsheet import SpreadsheetWriter

Cell = str | int | float

_LATEX = {
    "\\": r"\textbackslash{}",
    "|": r"\textbar{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows under heads; the same cells in every format.

    Attributes:
        name: name of its files, letters, digits and dashes.
        heads: one per column.
        rows: texts are written as they are (escaped), numbers right-aligned; a cell that holds no
            value is "".
        decimals: digits after the point of a number that is not an integer.
        for_print: whether it is short enough for a paper, and also written as LaTeX.
    """

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    decimals: int = 2
    for_print: bool = True

    def html(self) -> str:
        """Returns the table, scrollable sideways; the first column heads its row."""
        number = [any(isinstance(row[i], int | float) for row in self.rows) for i in self._columns]
        kind = [" class='number'" if right else "" for right in number]
        head = "".join(f"<th{k}>{escape(h)}</th>" for k, h in zip(kind, self.heads, strict=True))
        body = "".join(
            f"<tr><th scope='row'>{escape(self._text(row[0]))}</th>"
            + "".join(f"<td{kind[i]}>{escape(self._text(row[i]))}</td>" for i in self._columns[1:])
            + "</tr>"
            for row in self.rows
        )
        table = f"<table class='plain'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<div class='scroll'>{table}</div>"

    def csv(self) -> str:
        """Returns the cells as CSV with every digit of a number."""
        target = io.StringIO()
        SpreadsheetWriter(target).writerows([self.heads, *self.rows])
        return target.getvalue()

    def latex(self) -> str:
        """Returns a `tabular` with the rules of the booktabs package."""
        align = "".join(
            "r" if any(isinstance(row[i], int | float) for row in self.rows) else "l"
            for i in self._columns
        )
        lines = [
            " & ".join(escape_latex(self._text(cell)) for cell in cells) + r" \\"
            for cells in (self.heads, *self.rows)
        ]
        head, *body = lines
        begin, end = f"\\begin{{tabular}}{{{align}}}", r"\end{tabular}"
        return "\n".join([begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end, ""])

    def save(self, folder: str) -> None:
        """Writes `<name>.csv` and, if it is for print, `<name>.tex` into an existing folder."""
        formats = {"csv": self.csv, "tex": self.latex} if self.for_print else {"csv": self.csv}
        for ending, form in formats.items():
            path = os.path.join(folder, f"{self.name}.{ending}")
            with replacing(path) as file:
                file.write(form())

    @property
    def _columns(self) -> range:
        return range(len(self.heads))

    def _text(self, cell: Cell) -> str:
        if isinstance(cell, float):
            return f"{cell:.{self.decimals}f}" if cell == cell else "n/a"
        return f"{cell:,}" if isinstance(cell, int) else cell


def escape_latex(text: str) -> str:
    """Returns text as LaTeX shows it, on one line."""
    shown = re.sub(r"[\\|~^<>&%$#_{}]", lambda sign: _LATEX[sign.group()], " ".join(text.split()))
    shown = re.sub(r"([-'`])(?=\1)|[?!](?=`)", r"\g<0>{}", shown)  # two would become one sign
    return re.sub(r"^[\[*]", lambda sign: f"{{{sign.group()}}}", shown)  # no option of a \\ before
