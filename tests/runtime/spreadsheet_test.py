"""No name is a formula in a table that people open in a spreadsheet program; numbers stay."""

import io

import pytest

from dfer_jax.plotting.tables import Table
from dfer_jax.recognition.rows import NO_FACE, CsvRows, Row
from dfer_jax.runtime.spreadsheet import SpreadsheetWriter

FORMULAS = [
    '=HYPERLINK("http://x","y")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "-",
    "=1",
]
NUMBERS = ["-12.345678", "+3", "-1e-05", "-.5", "", "0"]
NAMES = ["anna", "a=b", "mary-jane", "me@home", "'quoted", " =1", "résumé", "😀", "#5", "50%"]


def written(cells):
    file = io.StringIO()
    SpreadsheetWriter(file).writerows([cells])
    return file.getvalue()


@pytest.mark.parametrize("name", FORMULAS)
def test_a_name_that_would_be_a_formula_is_marked_as_text(name):
    assert written([name, 1]).lstrip('"').startswith("'" + name[0])


@pytest.mark.parametrize("cell", [*NUMBERS, *NAMES, -3, -0.5, None])
def test_numbers_and_other_names_stay_as_they_are(cell):
    assert written(["x", cell]) == f"x,{'' if cell is None else cell}\n"


def test_tables_of_reports_and_of_videos_are_written_so():
    text = Table("t", ["clip", "=class"], [["-lead", -1.5], ["@you", 2]]).csv()
    assert text == "clip,'=class\n'-lead,-1.5\n'@you,2\n"
    file = io.StringIO()
    table = CsvRows(file, video="=talk", classes=["+a"])
    table.write(Row(None, 0.0, 0.5, 0, 9, 0, None, NO_FACE, {}, None))
    head, row = file.getvalue().splitlines()
    assert ",'+a," in head and row.startswith("'=talk,,0.000,0.500,0,9,0,,,,,no face,")
