"""Reads Aff-Wild2's annotation files: a header that names the columns or codes, a row per frame.

Expression files have one code a row, an index into the header's names; action-unit files one 0 or 1
for each unit of the header. -1 means not annotated. Row k, counted from 1 below the header, belongs
to picture k.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dfer_jax.errors import UserError
from dfer_jax.labels import ACTION_UNITS, EXPRESSIONS, canonical_name

UNKNOWN = -1

_UNIT = re.compile(r"au[ _]?0*([1-9]\d*)", re.IGNORECASE | re.ASCII)


class AnnotationError(ValueError):
    """A file is not an annotation file of its track; the message says why."""


@dataclasses.dataclass(frozen=True)
class Annotation:
    """What one file says.

    Attributes:
        header: names in the file's order.
        labels: int32 `[rows]`, places in `EXPRESSIONS`, or int8 `[rows, 12]`, 0 or 1 by
            `ACTION_UNITS`; `UNKNOWN` where not annotated.
        valid: bool `[rows]`, nothing of what the file's header names is unknown.
    """

    header: tuple[str, ...]
    labels: np.ndarray
    valid: np.ndarray

    @property
    def left_out(self) -> tuple[str, ...]:
        """Columns that are not stored: the 2020 edition's AU20."""
        return tuple(name for name in self.header if _UNIT.fullmatch(name) and _place(name) is None)


def read(path: Path, *, track: str) -> Annotation:
    """Reads one file.

    Args:
        path: of the file.
        track: `expr` or `au`.

    Raises:
        AnnotationError: if it cannot be read, has no header, or a row that does not fit it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, ValueError) as error:
        raise AnnotationError(f"cannot be read as text ({error})") from error
    if not lines:
        raise AnnotationError("the file is empty")
    header = tuple(name.strip() for name in lines[0].split(","))
    return {"expr": _expressions, "au": _units}[track](header, lines[1:])


def _expressions(header: tuple[str, ...], lines: Sequence[str]) -> Annotation:
    classes = [_class(name) for name in header]
    _refuse_repeated(header, classes)
    codes = _rows(lines, columns=1, known=range(-1, len(header)))[:, 0]
    labels = np.array([*classes, UNKNOWN], np.int32)[codes]  # code -1 is the last
    return Annotation(header, labels, labels != UNKNOWN)


def _class(name: str) -> int:
    """Returns the place in `EXPRESSIONS` of a name in a header."""
    if name.lower() == "other":
        return EXPRESSIONS.index("other")
    try:
        return EXPRESSIONS.index(canonical_name(name))
    except UserError as error:
        raise AnnotationError(f"line 1 is no header of expressions, {error}") from error


def _units(header: tuple[str, ...], lines: Sequence[str]) -> Annotation:
    for name in header:
        if not _UNIT.fullmatch(name):
            raise AnnotationError(f"line 1 is no header of action units, {name!r} is not one")
    places = [_place(name) for name in header]
    known = [column for column, place in enumerate(places) if place is not None]
    _refuse_repeated(header, [places[column] for column in known])
    values = _rows(lines, columns=len(header), known=range(-1, 2))[:, known]
    labels = np.full((len(lines), len(ACTION_UNITS)), UNKNOWN, np.int8)
    labels[:, [places[column] for column in known]] = values
    return Annotation(header, labels, (values != UNKNOWN).all(axis=1) & bool(known))


def _place(name: str) -> int | None:
    """Returns the column that a unit of a header is stored in, if it is."""
    unit = f"AU{_UNIT.fullmatch(name)[1]}"
    return ACTION_UNITS.index(unit) if unit in ACTION_UNITS else None


def _refuse_repeated(header: Sequence[str], places: Sequence[int]) -> None:
    if len(set(places)) != len(places):
        raise AnnotationError(f"line 1 names something twice ({', '.join(header)})")


def _rows(lines: Sequence[str], *, columns: int, known: Sequence[int]) -> np.ndarray:
    """Returns int64 `[rows, columns]`; one wrong row refuses the file, for its place is unsure."""
    rows, wrong = [], []
    fits = _fitting(columns, known)
    for number, line in enumerate(lines, 2):
        row = fits(line)
        rows.append(row or ())
        if row is None:
            wrong.append(number)
    if wrong:
        what = "whole number" if columns == 1 else f"{columns} whole numbers"
        more = f" (and {len(wrong) - 1:,} more lines)" if len(wrong) > 1 else ""
        raise AnnotationError(
            f"line {wrong[0]}{more} is {lines[wrong[0] - 2][:80]!r} where the header asks for "
            f"{what} from {known[0]} to {known[-1]}"
        )
    return np.array(rows, np.int64).reshape(-1, columns)


def _fitting(columns: int, known: Sequence[int]) -> Callable[[str], list[int] | None]:
    """Returns what parses a row, and answers None for one that does not fit."""
    values = {str(value): value for value in known}

    def parse(line: str) -> list[int] | None:
        row = [values.get(cell.strip()) for cell in line.split(",")]
        return None if len(row) != columns or None in row else row

    return parse
