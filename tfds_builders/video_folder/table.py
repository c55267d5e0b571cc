"""Reads the table that labels one's own clips: `path,label[,split[,group]]`.

It may come from a text editor, a script or a spreadsheet: columns in any order, names in any case,
comma, semicolon, tab or bar between them, UTF-8 with or without a byte order mark, or UTF-16, any
line ends. What is wrong in a row becomes a problem with its line number; the other rows are still
read.
"""

import dataclasses
import difflib
import pathlib
import posixpath
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from dfer_jax.errors import UserError, list_in_line
from dfer_jax.labels import class_name
from tfds_builders.records import plain, read_records
from tfds_builders.tree import is_hidden
from tfds_builders.video_folder.columns import (
    OPTIONAL,
    REQUIRED,
    SPLIT_NAMES,
    SPLITS,
    UNUSED,
    cell,
    find_columns,
)

TABLE = "labels.csv"

_EXAMPLE = "path,label\n  smile_01.mp4,happiness\n  anna/take_2.mp4,sadness"
_SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_LISTS = (".tsv", ".txt", ".lst", ".list")
_FEW = 3  # lines that name a clip again, which are told one by one
QUOTES = ('""', "''", "``", "\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u00ab\u00bb")


@dataclasses.dataclass(frozen=True)
class Row:
    """One labelled clip.

    Attributes:
        line: where it stands in the table, from 1.
        path: of the video or frame folder, relative to the table, with `/` and without `..`.
        label: the word of the table, later its class.
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
    """The table as read.

    Attributes:
        name: the file's.
        rows: the clips to use.
        unused: paths of the clips that the table itself leaves out.
        absolute: rows whose path begins at the root of a disk, which are not in `rows`.
        problems: in the order of the lines, those of clips named again last.
        warnings: what is worth a look.
    """

    name: str
    rows: list[Row] = dataclasses.field(default_factory=list)
    unused: list[str] = dataclasses.field(default_factory=list)
    absolute: list[Row] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


def find_table(root: Path) -> Path:
    """Returns `labels.csv` in a folder, or the only other CSV file there.

    Raises:
        UserError: if there is none, or it is not clear which one.
    """
    there = [path for path in sorted(root.iterdir()) if not is_hidden(path.name)]
    tables = [path for path in there if path.suffix.lower() == ".csv"]
    named = [path for path in tables if path.name.lower() == TABLE]
    if len(named or tables) == 1:
        return (named or tables)[0]
    if tables:
        names = ", ".join(path.name for path in named or tables)
        raise UserError(f"{root} holds several tables ({names}); name the right one {TABLE}")
    sheets = [path.name for path in there if path.suffix.lower() in _SHEETS]
    if sheets:
        raise UserError(
            f"{root} has no {TABLE}, but {sheets[0]}: save that as 'CSV UTF-8' named {TABLE}"
        )
    lists = [path.name for path in there if path.suffix.lower() in _LISTS]
    if lists:
        raise UserError(
            f"{root} has no {TABLE}, but {lists[0]}: if that names the clips, save it as {TABLE}, "
            "with a first line path,label and commas between the columns"
        )
    classes = [path.name for path in there if path.is_dir() and class_name(path.name)]
    if len(classes) > 1:
        raise UserError(
            f"{root} has no {TABLE}; if its folders {list_in_line(classes)} are the classes of "
            f"what is in them, write a first line path,label and a line {classes[0]}/NAME,"
            f"{classes[0]} for each clip"
        )
    raise UserError(
        f"{root} has no {TABLE}: write one that names every clip and its class, as\n  {_EXAMPLE}"
    )


def read_table(path: Path) -> Table:
    """Reads a table.

    Args:
        path: the CSV file.

    Raises:
        UserError: if it is not a table with the columns `path` and `label`.
    """
    table = Table(path.name)
    records = read_records(path)
    if not records:
        raise UserError(f"{path} is empty; its first line must be path,label[,split[,group]]")
    columns, others = find_columns(records, path=path)
    if others:
        table.warnings.append(
            f"{path.name}: columns {', '.join(others)} are not used (only "
            f"{', '.join(REQUIRED + OPTIONAL)} are)"
        )
    _read_rows(records, columns, table)
    if not (table.rows or table.problems or table.absolute):
        raise UserError(f"{path} names no clip: write a line for each below the first")
    return table


def _read_rows(
    records: Sequence[tuple[int, list[str]]], columns: Mapping[str, int], table: Table
) -> None:
    """Reads the lines below the header into `table`."""
    width, first, again = len(records[0][1]), {}, []
    splits = (
        [cell(cells, columns["split"]) for _, cells in records[1:]] if "split" in columns else []
    )
    divided = any(plain(split).lower() not in ("", UNUSED) for split in splits)
    _refuse_row_names(records, table)
    for line, cells in records[1:]:
        values = {name: cell(cells, at) for name, at in columns.items()}
        row, wrong = _row(line, values, divided=divided)
        if any(cells[width:]):
            wrong = (
                f"{len(cells)} cells for {width} columns; write a name that has a comma in double "
                "quotes"
            )
        elif cells == records[0][1]:
            wrong = "the first line stands here once more, as where tables were joined; remove it"
        elif not wrong and is_absolute(row.path):
            table.absolute.append(row)
            continue
        wrong = wrong or _labelled_otherwise(row, first.setdefault(row.path, row))
        if wrong:
            table.problems.append(f"{table.name}, line {line}: {wrong}")
        elif first[row.path] is not row:
            again.append(row)
        elif row.split == UNUSED:
            table.unused.append(row.path)
        else:
            table.rows.append(row)
    table.problems += _named_again(again, first, table)


def _refuse_row_names(records: Sequence[tuple[int, list[str]]], table: Table) -> None:
    """Refuses a table whose lines all have one cell more than the first one."""
    width = len(records[0][1])
    if len(records) > 2 and all(len(cells) == width + 1 and cells[0] for _, cells in records[1:]):
        raise UserError(
            f"{table.name}: every line has {width + 1} cells, the first {width}, as where R writes "
            "its row names; write them with row.names=FALSE, or put a name for that column before "
            "the others"
        )


def _named_again(again: Sequence[Row], first: Mapping[str, Row], table: Table) -> list[str]:
    """Returns what is wrong with rows that say of a clip what an earlier row has said."""
    if len(again) <= _FEW:
        return [
            f"{table.name}, line {row.line}: {row.path} is already in line {first[row.path].line}"
            for row in again
        ]
    row = again[0]
    return [
        f"{table.name}: {len(again):,} lines name a clip that an earlier line has named (line "
        f"{row.line}: {row.path} is in line {first[row.path].line}); write one line for each clip, "
        "not one for each frame"
    ]


def _row(line: int, values: Mapping[str, str], *, divided: bool) -> tuple[Row, str]:
    """Returns a row and what is wrong with it (empty if nothing).

    Args:
        line: its number.
        values: cells by column.
        divided: whether the table says of its clips which split they are in.
    """
    path, wrong = _inside(values["path"])
    split, wrong_split = _split(plain(values.get("split", "")), needed=divided)
    label = plain(values["label"])
    wrong_label = "" if label or split == UNUSED else "no label"
    wrong = "; ".join(text for text in (wrong, wrong_label, wrong_split) if text)
    return Row(line, path, label, split, plain(values.get("group", ""))), wrong


def _inside(path: str) -> tuple[str, str]:
    """Returns a path with `/` between its parts and no `..`, and why it cannot be used."""
    for left, right in QUOTES:  # as Windows copies a path
        if len(path) > 2 and path[0] == left and path[-1] == right:
            path = path[1:-1].strip()
    windows = pathlib.PureWindowsPath(path)
    if not path:
        return path, "no path"
    if is_absolute(path):
        return path, ""
    path = posixpath.normpath(windows.as_posix())
    if path.split("/")[0] == "..":
        return path, f"{path} leads out of manual_dir; put the clip inside"
    return unicodedata.normalize("NFC", path), ""


def is_absolute(path: str) -> bool:
    """Returns whether a path begins at the root of a disk, of whatever system."""
    windows = pathlib.PureWindowsPath(path)
    return bool(windows.drive or windows.root)


def _split(name: str, *, needed: bool) -> tuple[str, str]:
    if name.lower() in SPLIT_NAMES:
        return SPLIT_NAMES[name.lower()], ""
    if not name:
        return name, "no split, though other rows have one" if needed else ""
    close = difflib.get_close_matches(name.lower(), SPLIT_NAMES, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return name, f"split {name!r} is not one of {', '.join((*SPLITS, UNUSED))}{hint}"


def _labelled_otherwise(row: Row, first: Row) -> str:
    """Returns what is wrong if the path stands in an earlier row with another label."""
    if row.label == first.label:
        return ""
    return f"{row.path} is already in line {first.line} as {first.label}, here as {row.label}"
