"""Reads the cells of a table whatever program wrote it, and names what is no table at all."""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from dfer_jax.errors import UserError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
"""Characters without width that come with copied text: marks of direction, joiners, byte orders."""

_BLANK = INVISIBLE + " \t\r\n\v\f\u00a0\u3000"
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_NO_TEXT = (  # first bytes, what such a file is
    (b"PK\x03\x04", "an Excel workbook"),  # or of OpenDocument, below
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old kind"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a text with formatting (RTF)"),
    (b"<", "a web page or XML file"),
)
_LISTED = re.compile(r"\S.*?(?P<numbers>(?:[ \t]+-?\d+)+)|\S*[/.]\S* [A-Za-z]+")
_HEADER_WORDS = {"path", "label", "split", "group"}


def read_records(path: Path) -> list[tuple[int, list[str]]]:
    """Returns line number and cells, without blanks around them, of every line that is not blank.

    Raises:
        UserError: if the file is not text in UTF-8 or UTF-16, or not a table.
    """
    text = read_text(path)
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip(_BLANK)), 0)
    stated = _SEP.fullmatch(lines[start].strip(INVISIBLE)) if lines else None
    if stated:  # a line for Excel alone
        text = text.replace(lines[start], "", 1)
        start += 1
    lines = [line for line in lines[start:] if line.strip(_BLANK)]
    if not lines:
        return []
    delimiter = max(DELIMITERS, key=lines[0].count)
    if stated and stated[1] in lines[0]:
        delimiter = stated[1]
    _refuse_lists(path, lines, delimiter)
    _refuse_two_delimiters(path, lines, delimiter)
    return _cells(path, text, delimiter)


def plain(cell: str) -> str:
    """Returns a cell without invisible characters, every kind of blank as one space."""
    visible = "".join(character for character in cell if character not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFC", visible).split())


def _cells(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records = []
    try:
        before = 0
        for cells in reader:
            stripped = [cell.strip(_BLANK) for cell in cells]
            if any(stripped):
                records.append((before + 1, stripped))
            before = reader.line_num
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not a CSV table ({error})") from error
    return records


def read_text(path: Path) -> str:
    """Returns a text file, UTF-8 with or without a byte order mark or UTF-16.

    Raises:
        UserError: if it is something else, as a workbook that is only named so.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error
    for start, kind in _NO_TEXT:
        if data.lstrip().startswith(start):
            kind = "an OpenDocument spreadsheet" if b"opendocument" in data[:200] else kind
            raise UserError(
                f"{path} is {kind}, whatever its name says; open it in its program and save it as "
                "'CSV UTF-8'"
            )
    encoding = _encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise UserError(f"{path} is UTF-16 text that is cut short; write it again") from error
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: not UTF-8 text; in a spreadsheet program save it as 'CSV UTF-8'"
        ) from error


def _encoding(data: bytes) -> str:
    """Returns the encoding by the byte order mark, or by the zeros of a header in plain letters."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(data) > 8 and data[1:8:2] == bytes(4):
        return "utf-16-le"
    return "utf-16-be" if len(data) > 8 and data[:8:2] == bytes(4) else "utf-8-sig"


def _refuse_lists(path: Path, lines: Sequence[str], delimiter: str) -> None:
    """Refuses what other tool kits train from: no first line, blanks between path and label."""
    if delimiter in lines[0]:
        return
    words = lines[0].lower().split()
    if {"path", "label"} <= set(words) <= _HEADER_WORDS:
        raise UserError(
            f"{path}: blanks stand between the columns; write commas: {','.join(words)}"
        )
    found = [_LISTED.fullmatch(line.strip()) for line in lines]
    if sum(map(bool, found)) < 0.9 * len(found):
        return
    first = next(match for match in found if match)
    numbers = len((first["numbers"] or "").split())
    form = "path label" if numbers < 2 else f"path {'number ' * (numbers - 1)}label"
    names = " and the classes' names in place of their numbers" if numbers else ""
    raise UserError(
        f"{path} is a list of lines {form!r}, as other tool kits (MMAction2, VideoMAE, FERV39k) "
        f"train from; write a first line path,label, a comma between the two{names}"
    )


def _refuse_two_delimiters(path: Path, lines: Sequence[str], delimiter: str) -> None:
    """Refuses a header that is divided otherwise than all the lines below it."""
    below = lines[1:]
    if not below or any(delimiter in line for line in below):
        return
    other = max(DELIMITERS, key=lambda mark: sum(mark in line for line in below))
    if sum(other in line for line in below) * 2 > len(below):
        raise UserError(
            f"{path}: the first line has {DELIMITERS.get(delimiter, repr(delimiter))} between its "
            f"columns, the lines below have {DELIMITERS[other]}; write the same in all of them"
        )
