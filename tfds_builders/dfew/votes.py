"""Reads DFEW's sheet of votes, `annotation.xlsx`: ten votes for seven expressions a clip.

The sheet is optional. Its columns are `1happy 2sad 3neutral 4angry 5surprise 6disgust 7fear order
label`; `order` is the clip id, `label` 1..7 or 0 for none. Columns are found by their names, rows
by `order`. `label` is only compared with the split lists: six votes for one expression can be
enough for a label, so it does not follow from the votes by the rule that the paper states (more
than six).

A spreadsheet is a zip archive of XML files; it is not opened if its parts are larger than any real
sheet's.
"""

import re
import warnings as python_warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from dfer_jax.errors import UserError, list_some
from dfer_jax.labels import CLASSES, canonical_name
from tfds_builders.dfew.lists import LAST_ID, NUM_LABELS
from tfds_builders.dfew.release import Release
from tfds_builders.folds import Entry

Votes = tuple[int, ...]
NUM_VOTES = 10
NO_VOTES: Votes = (0,) * len(CLASSES)
"""What a clip without a (sound) row in the sheet gets."""

_COLUMNS = (*CLASSES, "order", "label")
_MAX_BYTES = 16 * 2**20  # of all parts, unpacked; a sheet of 16,372 rows has 5 MB
_MAX_PARTS = 200
_MAX_ROWS = 20_000
_MAX_COLUMNS = 64


class SheetError(ValueError):
    """The file is not a sheet of votes; the message says why."""


def read_votes(
    tree: Release, entries: Mapping[int, Entry], *, warnings: list[str]
) -> dict[int, Votes]:
    """Returns the votes by clip id, in the order of `CLASSES`; nothing if there is no sheet.

    Args:
        tree: the walked release; a sheet that cannot be read at all joins its `problems`.
        entries: fold and label of each clip id in the lists.
        warnings: receives what is wrong with single rows, whose votes are left out.
    """
    if not tree.sheets:
        archives = [path for path in tree.zips if path.stem.lower().startswith("annotation")]
        if archives:
            name = tree.relative(archives[0])
            warnings.append(f"votes are left out, for {name} is not extracted")
        return {}
    sheet, *copies = tree.sheets
    name = tree.relative(sheet)
    try:
        if any(copy.read_bytes() != sheet.read_bytes() for copy in copies):
            raise SheetError(f"{tree.relative(copies[0])} is another one that differs")
        votes, labels, wrong = parse_rows(_read_table(sheet))
    except (SheetError, OSError) as error:
        tree.problems.append(
            f"{name}: cannot be used as the sheet of votes ({error}); extract annotation.zip "
            "again, or remove the file to build without votes"
        )
        return {}
    warnings += _warnings(name, votes, labels, entries, wrong)
    return votes


def _warnings(
    name: str,
    votes: Mapping[int, Votes],
    labels: Mapping[int, int],
    entries: Mapping[int, Entry],
    wrong: Sequence[str],
) -> list[str]:
    differ = [
        f"clip {clip:05d} has label {labels[clip]} in the sheet, {entry.label} in the lists"
        for clip, entry in entries.items()
        if clip in labels and labels[clip] != entry.label
    ]
    without = [f"{clip:05d}" for clip in entries if clip not in votes]
    found = [
        (wrong, f"rows of {name} are wrong, their votes were left out"),
        (differ, f"labels in {name} differ from those of the lists, which are used"),
        (without, f"listed clips have no votes in {name} and get zeros"),
    ]
    return [f"{len(items):,} {text}:\n{list_some(items)}" for items, text in found if items]


def parse_rows(
    table: Iterable[tuple[int, Sequence[Any]]],
) -> tuple[dict[int, Votes], dict[int, int], list[str]]:
    """Returns votes and label (0..7) by clip id, and what is wrong with the other rows.

    Clips with several rows have neither.

    Args:
        table: row numbers and cells, the header first.

    Raises:
        SheetError: if the header lacks a column or has one twice.
    """
    rows = iter(table)
    columns = _find_columns(next(rows, (1, ()))[1])
    votes: dict[int, Votes] = {}
    labels: dict[int, int] = {}
    first_row: dict[int, int] = {}
    wrong = []
    for number, cells in rows:
        values = {name: _integer(cells, column) for name, column in columns.items()}
        clip, why = values["order"], _why_wrong(values)
        if clip is not None and first_row.setdefault(clip, number) != number:
            why = f"order {clip} is also in row {first_row[clip]}; neither row is used"
            votes.pop(clip, None)
            labels.pop(clip, None)
        if why:
            wrong.append(f"row {number}: {why}")
            continue
        votes[clip] = tuple(values[name] for name in CLASSES)
        labels[clip] = values["label"]
    return votes, labels, wrong


def _find_columns(header: Sequence[Any]) -> dict[str, int]:
    """Returns the position of each of `_COLUMNS` by what the header calls it, numbered or not."""
    columns: dict[str, int] = {}
    for position, cell in enumerate(header):
        name = re.sub(r"^[\d\s._-]+", "", str(cell or "")).strip().lower()
        if name not in _COLUMNS:
            try:
                name = canonical_name(name)
            except UserError:
                continue
        if name in columns:
            raise SheetError(f"two columns are for {name}")
        columns[name] = position
    absent = [name for name in _COLUMNS if name not in columns]
    if absent:
        raise SheetError(f"its first row names no column for {', '.join(absent)}")
    return columns


def _integer(cells: Sequence[Any], column: int) -> int | None:
    """Returns a cell as a whole number; None if it is none."""
    cell = cells[column] if column < len(cells) else None
    if isinstance(cell, str) and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", cell):
        return int(cell)
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell if isinstance(cell, int) and not isinstance(cell, bool) else None


def _why_wrong(values: Mapping[str, int | None]) -> str:
    """Returns what is wrong with a row (empty if nothing)."""
    clip, label = values["order"], values["label"]
    if clip is None or not 1 <= clip <= LAST_ID:
        return f"order is not a clip id 1..{LAST_ID}"
    votes = [values[name] for name in CLASSES]
    if None in votes or min(votes) < 0:
        return f"a vote for clip {clip:05d} is not a whole number from 0"
    if sum(votes) != NUM_VOTES:
        return f"the votes for clip {clip:05d} sum to {sum(votes)}, not {NUM_VOTES}"
    if label is None or not 0 <= label <= NUM_LABELS:
        return f"the label of clip {clip:05d} is not one of 0..{NUM_LABELS}"
    return ""


def _read_table(path: Path) -> list[tuple[int, Sequence[Any]]]:
    """Returns number and cells of each row that is not empty, of the first worksheet with any.

    Raises:
        SheetError: if the file is no spreadsheet, or far too large to be this one.
    """
    _check_parts(path)
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")  # about styles
            workbook = openpyxl.load_workbook(path, True, data_only=True, keep_links=False)
            try:
                tables = (_rows(sheet) for sheet in workbook.worksheets)
                return next((rows for rows in tables if rows), [])
            finally:
                workbook.close()
    except SheetError:
        raise
    except Exception as error:  # whatever the parsers meet: zip, XML, key and value errors
        reason = str(error).split("\n")[0][:200] or type(error).__name__
        raise SheetError(f"not a readable .xlsx file: {reason}") from error


def _rows(sheet: Any) -> list[tuple[int, Sequence[Any]]]:
    """Returns the rows of a worksheet, whatever size it states to have."""
    rows = sheet.iter_rows(
        min_row=1, max_row=_MAX_ROWS + 1, min_col=1, max_col=_MAX_COLUMNS, values_only=True
    )
    found = [
        (number, cells)
        for number, cells in enumerate(rows, 1)
        if any(cell not in (None, "") for cell in cells)
    ]
    if found and found[-1][0] > _MAX_ROWS:
        raise SheetError(f"more than {_MAX_ROWS:,} rows")
    return found


def _check_parts(path: Path) -> None:
    """Refuses what states to be larger than any such sheet; zipfile unpacks no more than stated."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise SheetError(f"not an .xlsx file: {error}") from error
    if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > _MAX_BYTES:
        raise SheetError(
            f"unpacked it has more than {_MAX_BYTES // 2**20} MiB or {_MAX_PARTS} parts"
        )
