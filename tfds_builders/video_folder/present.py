"""Joins the rows of the table with the clips found, and says of the rest what is wrong."""

import collections
import dataclasses
import difflib
import itertools
import posixpath
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dfer_jax.video.decode import SUFFIXES
from tfds_builders.records import INVISIBLE
from tfds_builders.single_pass import SinglePass
from tfds_builders.tree import Tree, is_hidden
from tfds_builders.video_folder.table import QUOTES, Row, Table

_TO_CONVERT = (".tif", ".tiff", ".heic", ".gif")
_MOST_HINTS = 20  # as many problems as are shown; looking for close names takes time
_OPENFACE = "_aligned"  # behind the name of a folder of crops
_FEW = 3  # absent clips, which are told one by one


def named_as_found(rows: Iterable[Row], found: Mapping[str, Path]) -> list[Row]:
    """Returns the rows, with the paths of those clips whose names differ in nothing to be seen."""
    looks = {_visible(name): name for name in sorted(found)}
    return [dataclasses.replace(row, path=_as_found(row.path, found, looks)) for row in rows]


def _as_found(path: str, found: Mapping[str, Path], looks: Mapping[str, str]) -> str:
    quoted = (left + path + right for left, right in QUOTES)  # that belong to the name
    names = (path, looks.get(_visible(path), path), *quoted, path.replace("/", "\\"))
    return next((name for name in names if name in found), path)


def _visible(name: str) -> str:
    return "".join(character for character in name if character not in INVISIBLE)


def present_rows(
    table: Table, found: Mapping[str, Path], *, links: set[str], state: SinglePass
) -> list[Row]:
    """Returns the rows whose clips are there; the others are noted in the state.

    Args:
        table: with the paths of `named_as_found`.
        found: videos and frame folders by their names.
        links: names that lead out of the folder.
        state: receives what is wrong.
    """
    present, ids = [], {}
    unlisted = found.keys() - {row.path for row in table.rows} - set(table.unused)
    state.tree.problems += _absolute_paths(table, found)
    explained = _whole_column(table, found, unlisted, state.tree)
    hints = itertools.count()
    for row in table.rows:
        if row.path in explained:
            continue
        if row.path not in found:
            hint = _close(row.path, unlisted) if next(hints) < _MOST_HINTS else ""
            wrong = _why_absent(row.path, links, state.tree) + hint
            state.missing.append(f"{table.name}, line {row.line}: {wrong}")
            state.listing.absent.append(row.path)
            continue
        first = ids.setdefault(clip_id(row.path, found[row.path]), row)
        if first is not row:
            state.tree.problems.append(
                f"{table.name}, line {row.line}: {row.path} and {first.path} differ in their "
                "suffix only; rename one, clips are known by their names"
            )
            continue
        present.append(row)
    return present


def clip_id(name: str, path: Path) -> str:
    """Returns the name of a clip without a video's suffix."""
    return name if path.is_dir() else name[: -len(path.suffix)]


def _whole_column(
    table: Table, found: Mapping[str, Path], unlisted: Iterable[str], tree: Tree
) -> set[str]:
    """Notes in one sentence what is wrong with many paths in the same way; returns those paths."""
    absent = [row for row in table.rows if row.path not in found]
    ways: tuple[tuple[Callable[[str], object], int, str], ...] = (
        (_number, 1, "have lost the zeros at their front, as in spreadsheet programs; give the "
         "column the format Text and write them again"),
        (urllib.parse.unquote, 1, "are written as in web addresses; write the characters "
         "themselves"),
        (str.casefold, _FEW, "differ from the names of the clips in upper and lower case"),
        (lambda name: name.removesuffix(_OPENFACE), _FEW, "lack the _aligned at the end of their "
         "folder's name, which OpenFace writes"),
        (lambda name: posixpath.splitext(name)[0], _FEW, "lack the suffix of their file"),
        (lambda name: Path(name).name, _FEW, "name another folder; paths begin at the folder of "
         "the table"),
    )  # fmt: skip
    for key, least, what in ways:
        names = collections.defaultdict(list)
        for name in unlisted:
            names[key(name)].append(name)
        names.pop(None, None)
        meant = {row: names[key(row.path)] for row in absent if key(row.path) in names}
        meant = {row: close[0] for row, close in meant.items() if len(close) == 1}
        if len(meant) >= least and len(set(meant.values())) == len(meant):
            row = next(iter(meant))
            tree.problems.append(
                f"{table.name}: {len(meant):,} of {len(table.rows):,} paths {what} (line "
                f"{row.line}: {row.path} for {meant[row]})"
            )
            return {row.path for row in meant}
    return set()


def _absolute_paths(table: Table, found: Mapping[str, Path]) -> list[str]:
    """Returns what is wrong with paths that begin at the root of a disk, one sentence if many."""
    told = "write {} from the folder of the table on"
    if len(table.absolute) <= _FEW:
        return [
            f"{table.name}, line {row.line}: {row.path} is absolute; {told.format('it')}"
            for row in table.absolute
        ]
    parts = [(row, row.path.replace("\\", "/").split("/")) for row in table.absolute]
    ends = ((row, "/".join(names[at:])) for row, names in parts for at in range(1, len(names)))
    row, end = next(((row, end) for row, end in ends if end in found), (table.absolute[0], ""))
    here = f", as {end}" if end else ""
    return [
        f"{table.name}: {len(table.absolute):,} paths are absolute (line {row.line}: {row.path}), "
        f"and lead elsewhere on another machine; {told.format('them')}{here}"
    ]


def _number(name: str) -> object:
    """Returns the folder of a clip named by a number, and that number; None for another."""
    path = Path(name)
    return (path.parent, int(path.stem)) if path.stem.isdecimal() else None


def _why_absent(name: str, links: set[str], tree: Tree) -> str:
    above = [name, *(str(parent) for parent in Path(name).parents)]
    if any(part in links for part in above):
        return f"{name} is behind a link that leads out of manual_dir; put the clip itself there"
    if any(is_hidden(part) for part in Path(name).parts):
        return f"{name} is hidden by the dot at its front, or the system's own; rename it"
    path = tree.root / name
    try:
        if path.is_dir():
            return f"{name} is a folder without images{_instead_of_images(path, name)}"
        if path.exists():
            return f"{name} is no video by its suffix ({', '.join(SUFFIXES[:5])}, ...)"
    except OSError as error:  # as of a name too long for this disk
        return f"{name[:60]}... cannot be a file's name ({error.strerror})"
    return f"{name} is not there"


def _instead_of_images(folder: Path, name: str) -> str:
    """Returns a clause on what a folder holds in place of images that are read, or nothing."""
    held = [path for path in sorted(folder.iterdir()) if not is_hidden(path.name)]
    kinds = {path.suffix.lower() for path in held} & set(_TO_CONVERT)
    if kinds:
        kind = min(kinds)
        how = f"as with magick mogrify -format png *{kind}"
        return f" that can be read; convert its {kind} files, {how}"
    if inner := [path.name for path in held if path.is_dir()]:
        return f"; if they are in {posixpath.normpath(f'{name}/{inner[0]}')}, name that"
    if held and not any(path.suffix for path in held):
        return f" by their suffix; name its files with one, as {held[0].name}.jpg"
    return f"; it holds {held[0].name}" if held else "; it is empty"


def _close(name: str, unlisted: Iterable[str]) -> str:
    """Returns a clause that names the clip that may be meant, one of no other row, or nothing."""
    others = sorted(unlisted)
    last = Path(name).name.casefold()
    same = [
        other
        for other in others
        if last in (Path(other).name.casefold(), Path(other).stem.casefold())
        or Path(other).name.casefold() == last + _OPENFACE
    ]
    close = same if len(same) == 1 else difflib.get_close_matches(name, others, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def unused_and_unlisted(table: Table, found: Sequence[str]) -> tuple[str, list[str]]:
    """Returns a remark on what the table itself leaves out, and the clips it does not name."""
    named = {row.path for row in table.rows} | set(table.unused)
    told = f"{len(table.unused):,} clips of {table.name} have the split 'unused' and are left out."
    return told * bool(table.unused), sorted(set(found) - named)
