"""Reads the table that labels one's own clips: `path,label[,split[,group]]`.

It may come from a text editor, a script or a spreadsheet: columns in any order, names in any case,
comma, semicolon or tab between them, UTF-8 with or without a byte order mark, or UTF-16, any line
ends. What is wrong in a row becomes a problem with its line number; the other rows are still read.
"""

import csv
import dataclasses
import difflib
import io
import pathlib
import posixpath
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES, canonical_name

SPLITS = ("train", "test", "validation")
TABLE = "labels.csv"

_EXAMPLE = "path,label\n  smile_01.mp4,happiness\n  anna/take_2.mp4,sadness"
_SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_REQUIRED, _OPTIONAL = ("path", "label"), ("split", "group")
_SPLIT_NAMES = {
    **{name: name for name in SPLITS},
    **{"training": "train", "testing": "test"},
    **dict.fromkeys(("val", "valid", "dev"), "validation"),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One labelled clip.

    Attributes:
        line: where it stands in the table, from 1.
        path: of the video or frame folder, relative to the table, with `/` and without `..`.
        label: name in `labels.CLASSES`.
        split: one of `SPLITS`; empty if the table has no split.
        group: whatever must not be divided between splits; empty if unknown.
    """

    line: int
    path: str
    label: str
    split: str
    group: str


@dataclasses.dataclass
class Table:
    """The table as read; `name` is the file's, `problems` are in the order of the lines."""

    name: str
    rows: list[Row] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


def find_table(root: Path) -> Path:
    """Returns `labels.csv` in a folder, or the only other CSV file there.

    Raises:
        UserError: if there is none, or it is not clear which one.
    """
    tables = [path for path in sorted(root.iterdir()) if path.suffix.lower() == ".csv"]
    tables = [path for path in tables if not path.name.startswith(".")]
    named = [path for path in tables if path.name.lower() == TABLE]
    if len(named or tables) == 1:
        return (named or tables)[0]
    if tables:
        names = ", ".join(path.name for path in named or tables)
        raise UserError(f"{root} holds several tables ({names}); name the right one {TABLE}")
    sheets = [path.name for path in sorted(root.iterdir()) if path.suffix.lower() in _SHEETS]
    if sheets:
        raise UserError(
            f"{root} has no {TABLE}, but {sheets[0]}: save that as 'CSV UTF-8' named {TABLE}"
        )
    raise UserError(
        f"{root} has no {TABLE}: write one that names every clip and its expression, as\n"
        f"  {_EXAMPLE}"
    )


def read_table(path: Path) -> Table:
    """Reads a table.

    Args:
        path: the CSV file.

    Raises:
        UserError: if it is not a table with the columns `path` and `label`.
    """
    table = Table(path.name)
    records = _records(path)
    if not records:
        raise UserError(f"{path} is empty; its first line must be path,label[,split[,group]]")
    columns = _columns(records, path=path, table=table)
    if "split" in columns and not any(_cell(cells, columns["split"]) for _, cells in records[1:]):
        del columns["split"]
    lines: dict[str, Row] = {}
    for line, cells in records[1:]:
        if len(cells) > len(records[0][1]) and any(cells[len(records[0][1]) :]):
            table.problems.append(
                f"{path.name}, line {line}: {len(cells)} cells for {len(records[0][1])} columns; "
                "write a name that has a comma in double quotes"
            )
            continue
        row, wrong = _row(line, {name: _cell(cells, at) for name, at in columns.items()})
        if not wrong:
            wrong = _repeated(row, lines.setdefault(row.path, row))
        if wrong:
            table.problems.append(f"{path.name}, line {line}: {wrong}")
        else:
            table.rows.append(row)
    if not table.rows and not table.problems:
        raise UserError(f"{path} names no clip: write a line for each below the first")
    return table


def _records(path: Path) -> list[tuple[int, list[str]]]:
    """Returns line number and cells of every line that is not blank."""
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records = []
    try:
        before = 0
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                records.append((before + 1, stripped))
            before = reader.line_num
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not a CSV table ({error})") from error
    return records


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: not UTF-8 text; in a spreadsheet program save it as 'CSV UTF-8'"
        ) from error


def _columns(records: list[tuple[int, list[str]]], *, path: Path, table: Table) -> dict[str, int]:
    """Returns the place of each known column."""
    header, known = records[0][1], _REQUIRED + _OPTIONAL
    names = [name.lower() for name in header]
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        close = difflib.get_close_matches(missing[0], names, n=1)
        hint = f" (is it {close[0]!r}?)" if close else ""
        raise UserError(
            f"{path}: the first line must name the columns, path,label[,split[,group]], but has no "
            f"{missing[0]!r}{hint}; it is {', '.join(header)!r}"
        )
    twice = [name for name in known if names.count(name) > 1]
    if twice:
        raise UserError(f"{path}: the first line has the column {twice[0]!r} twice")
    other = [name for name in header if name and name.lower() not in known]
    for name in other:
        close = difflib.get_close_matches(name.lower(), _OPTIONAL, n=1, cutoff=0.75)
        cells = {_cell(row, header.index(name)).lower() for _, row in records[1:]}
        if cells and cells <= _SPLIT_NAMES.keys():
            close = ["split"]
        if close and close[0] not in names:
            raise UserError(f"{path}: the column {name!r} is unknown; did you mean {close[0]!r}?")
    if other:
        table.warnings.append(
            f"{path.name}: columns {', '.join(other)} are not used (only {', '.join(known)} are)"
        )
    return {name: names.index(name) for name in known if name in names}


def _cell(cells: list[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


def _row(line: int, values: Mapping[str, str]) -> tuple[Row, str]:
    """Returns a row and what is wrong with it (empty if nothing)."""
    path, wrong = _inside(values["path"])
    label, wrong_label = _label(values["label"])
    split, wrong_split = _split(values["split"]) if "split" in values else ("", "")
    wrong = "; ".join(text for text in (wrong, wrong_label, wrong_split) if text)
    return Row(line, path, label, split, values.get("group", "")), wrong


def _inside(path: str) -> tuple[str, str]:
    """Returns a path with `/` between its parts and no `..`, and why it cannot be used."""
    windows = pathlib.PureWindowsPath(path)
    if not path:
        return path, "no path"
    if windows.drive or windows.root:
        return path, f"{path} is absolute; write it from the folder of the table on"
    path = posixpath.normpath(windows.as_posix())
    if path.split("/")[0] == "..":
        return path, f"{path} leads out of manual_dir; put the clip inside"
    return unicodedata.normalize("NFC", path), ""


def _label(name: str) -> tuple[str, str]:
    if not name:
        return name, "no label"
    if name.lstrip("+-").replace(".", "", 1).isdecimal():
        return name, f"the label is the number {name}; write its name ({', '.join(CLASSES)})"
    try:
        return canonical_name(name), ""
    except UserError as error:
        return name, f"label {error}"


def _split(name: str) -> tuple[str, str]:
    if name.lower() in _SPLIT_NAMES:
        return _SPLIT_NAMES[name.lower()], ""
    if not name:
        return name, "no split, though other rows have one"
    close = difflib.get_close_matches(name.lower(), _SPLIT_NAMES, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return name, f"split {name!r} is not one of {', '.join(SPLITS)}{hint}"


def _repeated(row: Row, first: Row) -> str:
    """Returns what is wrong if the path stands in an earlier row too."""
    if row is first:
        return ""
    same = f"{row.path} is already in line {first.line}"
    if row.label != first.label:
        same += f" as {first.label}, here as {row.label}"
    return same
