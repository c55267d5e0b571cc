"""Finds one's own clips, joins them with the rows of the table, and divides them."""

import collections
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from dfer_jax.errors import list_some
from dfer_jax.video.container import VideoError, promised_frames
from dfer_jax.video.decode import SUFFIXES
from dfer_jax.video.faces.settings_file import read_settings
from tfds_builders import images
from tfds_builders.frames import Clip, Decoding, Listing, list_frames
from tfds_builders.single_pass import SinglePass
from tfds_builders.tree import Tree, escapes, is_folder
from tfds_builders.video_folder import splits
from tfds_builders.video_folder.classes import label_rows
from tfds_builders.video_folder.columns import SPLITS
from tfds_builders.video_folder.copies import copies_in_splits
from tfds_builders.video_folder.present import (
    clip_id,
    named_as_found,
    present_rows,
    unused_and_unlisted,
)
from tfds_builders.video_folder.table import Row, Table, find_table, read_table

SHORTER_SIDE = 256
"""Pixels; larger videos are shrunk to it when they are stored (a face network sees 112)."""
MAX_FRAMES = 3000
"""Of one clip, which is held in memory whole; 2 minutes at 25 frames per second."""

NOTICE = (
    "Pictures are stored whole, faces are not cropped: where they do not fill most of the picture, "
    "crop the videos first (dfer crop)."
)

_USUAL_FRAMES = 100  # of a video whose header does not say


def prepare(manual_dir: Path, *, allow_missing: bool, classes: Sequence[str] = ()) -> SinglePass:
    """Reads the table and finds its clips; of a video only the header is read yet.

    Args:
        manual_dir: the user's folder, which holds the table.
        allow_missing: clips of the table may be absent or empty.
        classes: if the user states them, in their order; else those of the table.

    Raises:
        UserError: if there is no table, or it cannot be read as one.
    """
    tree = Tree(manual_dir.resolve())
    table = read_table(find_table(tree.root))
    found, links = walk(tree)
    table.rows = named_as_found(table.rows, found)
    table.rows, equal = splits.equal_numbers_alike(table.rows)
    labelled = label_rows(table.rows, table=table.name, stated=classes)
    table.rows = labelled.rows
    tree.problems += table.problems + labelled.problems
    tree.problems += splits.groups_in_several_splits(table.rows)
    state = SinglePass(
        release="video_folder",
        tree=tree,
        listing=Listing(),
        splits=(),
        classes=labelled.names,
        warnings=table.warnings + labelled.warnings + equal,
        advice=f"mend {table.name} and the clips",
    )
    rows = present_rows(table, found, links=links, state=state)
    if allow_missing:
        state.missing.clear()
    division = _divide(rows, state)
    bar = tqdm(rows, desc="listing clips", unit=" clips", leave=False)
    clips = [_clip(row, found[row.path], division[row.line], state) for row in bar]
    state.listing.clips += [clip for clip in clips if clip]
    state.tree.problems += copies_in_splits(state.listing.clips)
    if not state.listing.clips:
        state.fail_if_any()
    _remark(state, table, list(found))
    divided = "" if any(row.split for row in rows) else splits.notice(rows, division)
    state.tables = (*labelled.notes, *filter(None, (divided, *state.tables)))
    state.facts |= {"table": table.name, "division": divided, "words": labelled.words}
    return state


def _remark(state: SinglePass, table: Table, found: Sequence[str]) -> None:
    """Tells what was left out, and that faces are not cropped."""
    unused, unlisted = unused_and_unlisted(table, found)
    if unlisted:
        state.warnings.append(
            f"{len(unlisted):,} videos or frame folders are in no row of {table.name} and were "
            f"left out:\n{list_some(unlisted)}"
        )
    state.tables = (unused, "" if read_settings(state.tree.root) else NOTICE)
    state.facts = {"clips_in_no_row": unlisted}


def walk(tree: Tree) -> tuple[dict[str, Path], set[str]]:
    """Finds videos, and folders that hold images, anywhere below the root.

    Args:
        tree: folders that cannot be read join its `problems`.

    Returns:
        paths by their name relative to the root (`/` between parts, Unicode NFC), and the names of
        links that lead out of the root, which are not followed.
    """
    found, links = {}, set()
    stack, visited = [tree.root], {tree.root}
    while stack:
        folder = stack.pop()
        for entry in tree.scan(folder):
            path = Path(entry.path)
            suffix = path.suffix.lower()
            if entry.is_symlink() and escapes(path, tree.root):
                links.add(_name(path, tree))
            elif is_folder(entry):
                if path.resolve() not in visited:
                    visited.add(path.resolve())
                    stack.append(path)
            elif suffix in SUFFIXES:
                found[_name(path, tree)] = path
            elif suffix in images.SUFFIXES and folder != tree.root:
                found[_name(folder, tree)] = folder
    return found, links


def _name(path: Path, tree: Tree) -> str:
    return unicodedata.normalize("NFC", path.relative_to(tree.root).as_posix())


def _divide(rows: Sequence[Row], state: SinglePass) -> dict[int, str]:
    """Returns the split of each row by its line, and notes what is wrong with the division."""
    divided = not any(row.split for row in rows)
    groups = splits.divide(rows) if divided else {}
    division = {row.line: row.split or groups[splits.group_of(row)] for row in rows}
    counts = {split: collections.Counter() for split in SPLITS}
    for row in rows:
        counts[division[row.line]][row.label] += 1
    state.splits = tuple(split for split in SPLITS if counts[split])
    if state.problems:
        return division  # what is wrong with the rest may be due to the rows left out
    counts = {split: counts[split] for split in state.splits}
    state.tree.problems += splits.unusable(counts, divided=divided)
    if not state.problems:
        state.warnings += (
            splits.few_test_clips(counts) + splits.uneven_classes(counts) + splits.leaks(rows)
        )
    return division


def _clip(row: Row, path: Path, split: str, state: SinglePass) -> Clip | None:
    """Returns the clip of a row, or None if it is empty or no video, which is then a problem."""
    features = {"group": row.group, "fps": 0.0}
    if path.is_dir():
        frames = list_frames(path, row.path, tree=state.tree, listing=state.listing)
        return Clip(row.path, split, row.label, path, frames, features) if frames else None
    try:
        expected = min(promised_frames(path) or _USUAL_FRAMES, MAX_FRAMES)
    except VideoError as error:
        state.tree.problems.append(f"{row.path}: {error}")
        return None
    video = Decoding(SHORTER_SIDE, MAX_FRAMES, expected)
    return Clip(clip_id(row.path, path), split, row.label, path, (), features, video)
