"""A strict reader of the LaTeX tables that are written; fails at what would not compile."""

import re

RULES = ("\\toprule", "\\midrule", "\\bottomrule")
_SHOWN = {  # command -> what it shows
    **{f"\\{sign}": sign for sign in "&%$#_{}"},
    "\\textbackslash{}": "\\",
    "\\textasciitilde{}": "~",
    "\\textasciicircum{}": "^",
    "\\textless{}": "<",
    "\\textgreater{}": ">",
    "\\textbar{}": "|",
    **{f"{sign}{{}}": sign for sign in "-'`?!"},
    "{[}": "[",
    "{*}": "*",
}
_TOKEN = re.compile(
    "|".join(re.escape(command) for command in sorted(_SHOWN, key=len, reverse=True))
    + r"|\$[-\d.]+ \\pm [-\d.]+\$|[^\\&%$#_{}~^<>|]",
    re.DOTALL,
)


def cells_of(row: str) -> list[str]:
    """Returns the cells of a row as they are shown; fails at a sign that LaTeX takes otherwise."""
    assert row.endswith(r" \\"), row
    assert not row.startswith(("[", "*")), f"an option of the line before: {row}"
    return [_shown(cell) for cell in re.split(r" (?<!\\)& ", row.removesuffix(r" \\"))]


def _shown(cell: str) -> str:
    shown, at = "", 0
    while at < len(cell):
        token = _TOKEN.match(cell, at)
        assert token, f"LaTeX takes {cell[at : at + 12]!r} otherwise than as text: {cell!r}"
        shown += _SHOWN.get(token[0], token[0])
        at = token.end()
    joined = re.search("--|''|``|[?!]`", cell)
    assert not joined or cell == "--", f"two signs become one: {cell}"
    return shown


def rows_of(text: str) -> list[list[str]]:
    """Returns the cells of every row of a written table, as they are shown.

    Fails unless it is one `tabular` of booktabs with as many cells in each row as columns.
    """
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    begin = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", lines[0])
    assert begin and lines[-1] == r"\end{tabular}", text
    rows = [cells_of(line) for line in lines[1:-1] if line not in RULES]
    assert {len(row) for row in rows} == {len(begin[1])}, "rows of unlike lengths"
    return rows
