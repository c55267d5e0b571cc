"""CSV tables that people open in spreadsheet programs: no name in one of them is run as a formula.

A text that begins with one of `= + - @`, a tab or a carriage return is a formula there, and may
start programs or send cells away; an apostrophe before it makes it text. Numbers stay numbers.
Tables that are read again as data, as `labels.csv`, are not written with this.
"""

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class SpreadsheetWriter:
    """Writes rows as `csv.writer` does, lines ending in a line feed, without formulas."""

    def __init__(self, file: io.TextIOBase) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def writerow(self, cells: Iterable[object]) -> None:
        """Writes one row."""
        self._writer.writerow([no_formula(cell) for cell in cells])

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        """Writes some rows."""
        for row in rows:
            self.writerow(row)


def no_formula(cell: object) -> object:
    """Returns a cell as a spreadsheet program shows it, without running it."""
    if isinstance(cell, str) and cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
