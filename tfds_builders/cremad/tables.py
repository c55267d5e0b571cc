"""Reads what CREMA-D says of its clips beside their names: the viewers' votes, the actors' age."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from dfer_jax.errors import UserError
from tfds_builders import archives
from tfds_builders.cremad import names
from tfds_builders.named_clips import Found
from tfds_builders.records import read_records

VOTES = "summarytable.csv"
WORKBOOK = "summarytable.xlsx"
ACTORS = "videodemographics.csv"
UNIQUE_VOTES = {
    "happiness": 1266,
    "sadness": 783,
    "neutral": 2076,
    "anger": 968,
    "disgust": 1057,
    "fear": 822,
}
"""Clips that most viewers of the face alone saw so, ties not counted, in the released table."""
TIES = 470

_CODES = {name[0]: label for name, label in names.EMOTIONS.items()}
_PULL = "in the clone run: git lfs install && git lfs pull"


@dataclasses.dataclass(frozen=True)
class Actor:
    """What the release says of an actor; 0 and empty where it says nothing."""

    age: int = 0
    sex: str = ""


def read_votes(tree: Found) -> dict[str, str | None]:
    """Returns by clip the class that most viewers saw without sound, None for a tie.

    Rows that cannot be read join `tree.problems`.

    Raises:
        UserError: if the table is not there or is none.
    """
    if VOTES not in tree.tables and WORKBOOK in tree.tables:
        raise UserError(
            f"{min(tree.tables[WORKBOOK])} is an Excel workbook: save it as 'CSV UTF-8' named "
            "summaryTable.csv, or take that from the release"
        )
    if VOTES not in tree.tables:
        raise UserError(
            f"{tree.root} has no processedResults/summaryTable.csv, which holds what viewers saw: "
            "put it anywhere below this folder, or build cremad/asked"
        )
    path = sorted(tree.tables[VOTES])[0]
    if archives.is_lfs_pointer(path):
        raise UserError(f"{path} is a Git LFS pointer, not the table; {_PULL}")
    try:
        rows = _rows(path, ("FileName", "FaceVote"))
    except ValueError as error:
        raise UserError(f"{path}: {error}; take it from the release again") from error
    votes: dict[str, str | None] = {}
    for line, row in rows:
        clip_id, vote = names.identify(Path(row["FileName"]).stem), row["FaceVote"].split(":")
        if not clip_id or not set(vote) <= _CODES.keys():
            tree.problems.append(
                f"{tree.relative(path)}, line {line}: {row['FileName']!r} voted "
                f"{row['FaceVote']!r} is not a row of the release"
            )
            continue
        votes[clip_id] = _CODES[vote[0]] if len(vote) == 1 else None
    return votes


def votes_line(votes: Mapping[str, str | None]) -> str:
    """Returns how many clips were seen as what, beside the published numbers where they differ."""
    counts = collections.Counter(votes.values())
    cells = [(name, counts[name], want) for name, want in UNIQUE_VOTES.items()]
    cells.append(("ties", counts[None], TIES))
    told = [f"{name} {n:,}" + f" ({want:,})" * (n != want) for name, n, want in cells]
    return f"viewers of the face alone saw, before any clip is left out: {', '.join(told)}"


def read_actors(tree: Found, *, warnings: list[str]) -> dict[int, Actor]:
    """Returns what the release says of the actors; none if the table is not there.

    A table that cannot be read is told in `warnings`.
    """
    if ACTORS not in tree.tables:
        return {}
    path = sorted(tree.tables[ACTORS])[0]
    try:
        rows = _rows(path, ("ActorID", "Age", "Sex"))
        return {int(row["ActorID"]): Actor(int(row["Age"]), row["Sex"]) for _, row in rows}
    except (UserError, ValueError) as error:
        warnings.append(f"{tree.relative(path)}: {error}, so age and sex are not stored")
        return {}


def _rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Returns line and cells of the rows of a table with a header, whatever program saved it.

    Raises:
        UserError: if it cannot be read.
        ValueError: if it lacks a column.
    """
    (_, header), *rows = read_records(path) or [(1, [])]
    lacking = [name for name in columns if name not in header]
    if lacking:
        raise ValueError(f"has no column {', '.join(lacking)}")
    if any(len(cells) <= max(map(header.index, columns)) for _, cells in rows):
        raise ValueError("has rows cut short")
    return [(line, dict(zip(header, cells, strict=False))) for line, cells in rows]


def refuse_pointers(tree: Found) -> None:
    """Takes the videos that Git LFS did not fetch out of the tree; they are one problem.

    Raises:
        UserError: if no video was fetched.
    """
    pointers, videos = [], 0
    for clip_id, paths in list(tree.clips.items()):
        files = [path for path in paths if path.is_file()]
        stubs = [path for path in files if archives.is_lfs_pointer(path)]
        videos += len(files)
        pointers += stubs
        tree.clips[clip_id] = [path for path in paths if path not in stubs]
        if not tree.clips[clip_id]:
            del tree.clips[clip_id]
    if not pointers:
        return
    said = (
        f"{len(pointers):,} of {videos:,} videos are Git LFS pointers, not videos "
        f"({tree.relative(min(pointers))}, ...): {_PULL}; a ZIP download never holds more"
    )
    if not tree.clips:
        raise UserError(f"{tree.root}: {said}")
    tree.problems.append(said)
