"""Names that people and tool kits give, through the tables of LaTeX and spreadsheets and back."""

import csv
import io
import random
import string

import latex_scanner
import pytest

from dfer_jax.plotting.tables import Table

ODD = [
    "-dash", "--help", "---", "two blanks", "100%", "#1", "[a](b){c}", "*star", "a & b", "$x_1^2$",
    r"C:\clips\new", "~user", "<b>&amp;</b>", "\\", "\\\\", "{}", "%", "{", "a-{}-b", "=1+2", "@x",
    "\u2764\ufe0f \U0001f468\u200d\U0001f469", "e\u0301 \u00e9", "\u6a21\u7279", "x" * 200,
    r"\input{/etc/passwd}", r"\write18{ls}", "^^M", "``quotes''", "?`", "a|b",
]  # fmt: skip


@pytest.mark.parametrize("place", ["head", "first cell", "later cell"])
def test_latex_shows_every_name_as_it_is(place):
    for name in ODD:
        heads = ["clip", name if place == "head" else "n", "share"]
        row = [name if place == "first cell" else "a", name if place == "later cell" else 1, 0.5]
        shown = latex_scanner.rows_of(Table("t", heads, [row, row]).latex())
        assert name in shown[0 if place == "head" else 1], (name, shown)


def test_latex_shows_any_signs_as_they_are():
    rng = random.Random(0)
    signs = string.punctuation + "a1 \u00e9\U0001f600"
    names = ["".join(rng.choices(signs, k=rng.randint(1, 9))) for _ in range(3000)]
    names = [" ".join(name.split()) or "a" for name in names]
    shown = latex_scanner.rows_of(Table("t", ["a", "b"], [[name, name] for name in names]).latex())
    assert shown[1:] == [[name, name] for name in names]


@pytest.mark.parametrize(
    "bad", ["a & b_c", "50 %", r"\foo", "{", "$x$", "~", "^2", "a#b", "|", "``", "!`"]
)
def test_the_scanner_takes_no_bare_sign(bad):
    with pytest.raises(AssertionError):
        latex_scanner.rows_of(f"\\begin{{tabular}}{{l}}\n\\toprule\n{bad} \\\\\n\\end{{tabular}}\n")


def test_spreadsheets_get_names_and_no_formulas():
    table = Table("t", ["clip", "n"], [[name, 1] for name in ODD])
    read = list(csv.reader(io.StringIO(table.csv())))[1:]
    for name, (cell, _) in zip(ODD, read, strict=True):
        assert cell == (f"'{name}" if name[0] in "=+-@" else name)
