"""Finds the videos to crop: those that a table names, or all of a folder."""

import csv
import dataclasses
import os
import shutil
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from dfer_jax.errors import UserError, list_some
from dfer_jax.runtime import durable_files
from dfer_jax.video.decode import SUFFIXES
from tfds_builders.tree import Tree, is_folder
from tfds_builders.video_folder.table import TABLE, Row, read_table

FACES_FOLDER = "_faces"
"""Folder of what was found, beside those of the crops."""

TABLE_OF_CLIPS = "crops"
"""Name of the table of all clips, which lies beside those of faces."""


@dataclasses.dataclass(frozen=True)
class Video:
    """A video to crop; `name` is its path below the source's folder, without its suffix."""

    name: str
    path: Path


@dataclasses.dataclass(frozen=True)
class Plan:
    """What there is to crop.

    Attributes:
        root: the source's folder.
        videos: by name.
        rows: of the table, if there is one.
        absent: what the table names and is not a video, with the reason.
        passed_over: files, below the folder, that are no videos, or that the table does not name.
    """

    root: Path
    videos: list[Video]
    rows: list[Row] | None
    absent: dict[str, str]
    passed_over: list[str]


def make_plan(source: Path, out: Path) -> Plan:
    """Returns what there is to crop.

    Args:
        source: a folder of videos at any depth, or one that holds `labels.csv`, or that table.
        out: where the crops will go, which must not be in the source's folder, nor around it.

    Raises:
        UserError: if there is no video, the table is wrong, or two videos would share a folder.
    """
    root = (source if source.is_dir() else source.parent).resolve()
    table = source if source.suffix.lower() == ".csv" else root / TABLE
    if not source.exists():
        raise UserError(f"{source} is not there; name a folder of videos, or a table of labels")
    if source.is_file() and table != source:
        raise UserError(f"{source} is a file; name the folder that holds it, or a table of labels")
    inside = out.resolve().is_relative_to(root) or root.is_relative_to(out.resolve())
    if inside:
        raise UserError(
            f"{out} and {root} lie in each other; name a folder elsewhere for the crops"
        )
    tree = Tree(root)
    found, others = _walk(tree)
    if tree.problems:
        raise UserError(f"{root} cannot be read:\n{list_some(tree.problems)}")
    if not table.is_file():
        if not found:
            kinds = ", ".join(SUFFIXES[:5])
            raise UserError(f"{root} holds no video ({kinds}, ...) and no {TABLE}")
        return Plan(root, _named(found, root), None, {}, [*map(tree.relative, others)])
    rows, paths, absent = _listed(table, found, root)
    others += sorted({*found} - {*paths})
    return Plan(root, _named(paths, root), rows, absent, [*map(tree.relative, others)])


def write_tables(plan: Plan, out: Path, cropped: Collection[str]) -> None:
    """Writes the tables that a builder needs into the folder of the crops.

    Of `labels.csv` the rows of cropped clips, their paths without suffix; if there is none, other
    tables (those of a release) as they are.

    Raises:
        OSError: if one cannot be written.
    """
    if plan.rows is None:
        for path in sorted(plan.root.rglob("*.csv")):
            to = out / path.relative_to(plan.root)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
        return
    columns = ["path", "label"]
    columns += [name for name in ("split", "group") if any(getattr(r, name) for r in plan.rows)]
    with durable_files.replacing(out / TABLE) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in plan.rows:
            if (name := _stem(row.path)) in cropped:
                writer.writerow([name, *(getattr(row, column) for column in columns[1:])])


def _walk(tree: Tree) -> tuple[list[Path], list[Path]]:
    """Returns the videos at any depth, and other files but tables.

    Links to folders are not followed.
    """
    found, others, stack = [], [], [tree.root]
    while stack:
        for entry in tree.scan(stack.pop()):
            suffix = os.path.splitext(entry.name)[1].lower()
            if is_folder(entry) and not entry.is_symlink():
                stack.append(Path(entry.path))
            elif suffix in SUFFIXES:
                found.append(Path(entry.path))
            elif suffix != ".csv":
                others.append(Path(entry.path))
    return sorted(found), sorted(others)


def _listed(
    table: Path, found: list[Path], root: Path
) -> tuple[list[Row], list[Path], dict[str, str]]:
    """Returns the rows of a table, their videos, and what of it is missing."""
    read = read_table(table)
    if read.problems:
        raise UserError(f"{table} has mistakes; mend them first:\n{list_some(read.problems)}")
    known = set(found)
    paths, absent = [], {}
    for row in read.rows:
        path = root / row.path
        if path in known:
            paths.append(path)
        else:
            is_crop = path.is_dir()
            absent[row.path] = "is a folder, not a video" if is_crop else "is not there"
    if not paths:
        raise UserError(f"{table} names no video that is there; {next(iter(absent))} for one")
    return read.rows, paths, absent


def _named(paths: list[Path], root: Path) -> list[Video]:
    videos: dict[str, Video] = {}
    for path in paths:
        name = _stem(path.relative_to(root).as_posix())
        if name.split("/")[0] == FACES_FOLDER or name == TABLE_OF_CLIPS:
            raise UserError(
                f"{path}: the name {name.partition('/')[0]} is taken; give it another one"
            )
        if name in videos:
            raise UserError(
                f"{videos[name].path} and {path} differ in their suffix only; rename or remove one"
            )
        videos[name] = Video(name, path)
    for name, video in videos.items():
        for folder in PurePosixPath(name).parents:
            if other := videos.get(str(folder)):
                raise UserError(
                    f"{video.path} would be cropped into the folder of {other.path}; rename one"
                )
    return list(videos.values())


def _stem(path: str) -> str:
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in SUFFIXES else path
