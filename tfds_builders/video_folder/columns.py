"""Finds the columns of a table by the names in its first line, and asks about those it may mean."""

import difflib
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from dfer_jax.errors import UserError
from tfds_builders.records import plain

SPLITS = ("train", "test", "validation")
UNUSED = "unused"
"""The split of a clip that is left out."""
SPLIT_NAMES = {
    **{name: name for name in (*SPLITS, UNUSED)},
    **{"training": "train", "testing": "test"},
    **dict.fromkeys(("val", "valid", "dev"), "validation"),
}
_LIKE_SPLITS = {*SPLIT_NAMES, "publictest", "privatetest", "devel", "eval", "evaluation"}

REQUIRED, OPTIONAL = ("path", "label"), ("split", "group")
_OFTEN = {  # what others call it
    "path": {
        "id", "name", "file", "filename", "filepath", "fileid", "video", "videoname", "videopath",
        "videoid", "clip", "clipname", "clippath", "clipid", "folder", "directory", "dir", "frames",
        "framesdir", "framespath", "sequence",
    },
    "label": {
        "labels", "labelname", "labelid", "emotion", "emotions", "emotionname", "emotionlabel",
        "emotionid", "expression", "expressionid", "class", "classname", "classlabel", "classid",
        "category", "target", "groundtruth", "gt", "y",
    },
}  # fmt: skip
_GROUPS = {
    "subject", "subj", "participant", "person", "individual", "identity", "patient", "proband",
    "speaker", "actor", "actress", "performer", "volunteer", "user", "child", "infant", "movie",
    "film", "session", "scene", "dialogue",
}  # fmt: skip
_SOURCES = {"video", "source", "sourcevideo", "recording", "youtube", "yt"}
"""Of several clips each, they are groups; of one each, other names of the clip."""
_NUMBERED = ("id", "ids", "no", "nr", "num", "number", "name", "code")

Records = Sequence[tuple[int, list[str]]]


def find_columns(records: Records, *, path: Path) -> tuple[dict[str, int], list[str]]:
    """Returns the place of each known column, and the names of the others.

    Args:
        records: line numbers and cells, the first those of the header.
        path: of the table, for messages.

    Raises:
        UserError: if `path` or `label` is absent, one is there twice, or one may be meant.
    """
    header = [plain(name) for name in records[0][1]]
    names = [name.lower() for name in header]
    for missing in REQUIRED:
        if missing not in names:
            raise UserError(
                f"{path}: the first line must name the columns, path,label[,split[,group]], but "
                f"has no {missing!r}{_perhaps(missing, names)}; it is {', '.join(header)!r}"
            )
    known = REQUIRED + OPTIONAL
    for name in known:
        if names.count(name) > 1:
            raise UserError(f"{path}: the first line has the column {name!r} twice")
    others = [name for name in header if name and name.lower() not in known]
    for name in others:
        cells = [plain(cell(row, header.index(name))).lower() for _, row in records[1:]]
        meant = _meant(name.lower(), [text for text in cells if text])
        if meant and meant not in names:
            raise UserError(
                f"{path}: the column {name!r} is unknown; did you mean {meant!r}? Name it so in "
                f"the first line, or '_{name}' if it is another thing"
            )
    return {name: names.index(name) for name in known if name in names}, others


def cell(cells: Sequence[str], at: int) -> str:
    """Returns a cell; those that a short line lacks are empty."""
    return cells[at] if at < len(cells) else ""


def _perhaps(missing: str, names: Sequence[str]) -> str:
    """Returns a clause that names the column that may be meant, or nothing."""
    often = [name for name in names if re.sub(r"[ _.-]", "", name) in _OFTEN[missing]]
    close = often or difflib.get_close_matches(missing, names, n=1)
    return f" (is it {close[0]!r}?)" if close else ""


def _meant(name: str, cells: Sequence[str]) -> str:
    """Returns the optional column that one of another name may be; empty if none.

    Args:
        name: of the column, in lower case.
        cells: those that are not empty, in lower case.
    """
    if not cells or name.startswith("_"):
        return ""
    if sum(text in _LIKE_SPLITS for text in cells) * 2 > len(cells):
        return "split"
    if _without_ending(name, _GROUPS):
        return "group"
    if _without_ending(name, _SOURCES) and len(set(cells)) < len(cells):
        return "group"
    close = difflib.get_close_matches(name, OPTIONAL, n=1, cutoff=0.75)
    return close[0] if close else ""


def _without_ending(name: str, known: Collection[str]) -> bool:
    """Returns whether `person_id`, `personno`, `persons` or `person 1` is a known `person`."""
    stems = [re.sub(rf"[ _.-]*{ending}$", "", name) for ending in _NUMBERED]
    stems += [name, re.sub(r"s?[ _.-]*\d*$", "", name)]
    return any(re.sub(r"[ _.-]", "", stem) in known for stem in stems)
