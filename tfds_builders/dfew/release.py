"""Finds DFEW's clips, split lists and votes wherever the user extracted the archives.

Consumers keep the release in many nestings (`Clip/clip_224x224/00001`, doubled folders, part
folders, several download roots), so nothing here depends on one: a bounded walk looks for what
never changes, folders named with five digits, videos, `annotation.xlsx`, and files `set_1.csv` ..
`set_5.csv` below a folder whose name starts with `train` or `test`.
"""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path

from dfer_jax.errors import UserError
from tfds_builders.tree import Tree, is_hidden

FOLDS = (1, 2, 3, 4, 5)
FOLDER_OF_FORM = {"full": "clip_224x224", "f16": "clip_224x224_16f"}
"""The forms that are folders of frames, and the release's folder of each."""
FRAMES_16F = 16

_MAX_DEPTH = 8  # folders below the root; the deepest nesting known puts clip folders at 7
_CLIP_FOLDER = re.compile(r"\d{5}")
_LIST = re.compile(r"set_?([1-5])\.csv", re.IGNORECASE)
_KEPT = re.compile(rf"{_LIST.pattern}|annotation( ?\(\d\))?\.xlsx|.*\.mp4|.*\.avi", re.IGNORECASE)
_SPLIT_FOLDER = re.compile(r"(train|test)\b", re.IGNORECASE)
_NAMED_16F = re.compile(r"16[ _-]?f", re.IGNORECASE)


@dataclasses.dataclass
class Release(Tree):
    """What a walk over the user's folder found; paths are absolute."""

    clips: list[Path] = dataclasses.field(default_factory=list)
    videos: list[Path] = dataclasses.field(default_factory=list)
    lists: dict[tuple[str, int], list[Path]] = dataclasses.field(default_factory=dict)
    sheets: list[Path] = dataclasses.field(default_factory=list)
    zips: list[Path] = dataclasses.field(default_factory=list)


def walk(root: Path) -> Release:
    """Walks the user's folder to a bounded depth, without entering clip folders.

    Args:
        root: the folder given as `manual_dir`.

    Raises:
        UserError: if the folder has so many subfolders that it cannot be the release.
    """
    tree = Release(root=root.resolve())

    def is_clip(path: Path) -> bool:
        return bool(_CLIP_FOLDER.fullmatch(path.name))

    for path, is_folder in tree.walk(max_depth=_MAX_DEPTH, is_leaf=is_clip, release="DFEW"):
        if not is_folder:
            _note_file(path, tree)
        elif is_clip(path):
            tree.clips.append(path)
    for found in (tree.clips, tree.videos, tree.sheets):
        found.sort()
    return tree


def _note_file(path: Path, tree: Release) -> None:
    """Keeps a file that belongs to the release; one that is a link out of the root is a problem."""
    if path.suffix.lower() == ".zip":
        tree.zips.append(path)
    elif not _KEPT.fullmatch(path.name) or tree.refuse_escape(path):
        return
    elif _LIST.fullmatch(path.name):
        _note_list(path, tree)
    else:
        (tree.sheets if path.suffix.lower() == ".xlsx" else tree.videos).append(path)


def _note_list(path: Path, tree: Release) -> None:
    """Keeps a list under its split and fold if a folder above it names the split."""
    above = path.relative_to(tree.root).parts[:-1]
    splits = [found for name in above if (found := _SPLIT_FOLDER.match(name))]
    if splits:
        fold = int(_LIST.fullmatch(path.name)[1])
        tree.lists.setdefault((splits[-1][1].lower(), fold), []).append(path)


def clip_folders(tree: Release, form: str) -> dict[int, Path]:
    """Returns the folder of each clip id in one form; a second folder of an id is a problem.

    The form of a folder comes from the names above it (`..16f..` or not); where they say nothing,
    from the files of the clips: `1.jpg` .. `16.jpg` in each is the 16-frame form.

    Args:
        tree: the walked release; ids with two folders are added to its `problems`.
        form: a key of `FOLDER_OF_FORM`.

    Raises:
        UserError: if there is no clip folder, or only folders of the other form.
    """
    if not tree.clips:
        videos = ", only videos (dfew/original is built from those)" if tree.videos else ""
        raise UserError(
            f"{tree.root} has no DFEW clip folders (00001, 00002, ...){videos}: extract "
            f"{FOLDER_OF_FORM[form]} there{why_incomplete(tree)}"
        )
    by_form: dict[str, list[Path]] = {"full": [], "f16": []}
    unnamed = []
    for path in tree.clips:
        named = _form_by_name(path, tree.root)
        (by_form[named] if named else unnamed).append(path)
    if unnamed:
        by_form["f16" if look_like_16f(unnamed) else "full"] += unnamed
    other = "f16" if form == "full" else "full"
    if by_form["full"] and form == "full" and look_like_16f(by_form["full"]):
        raise UserError(
            f"the clip folders in {by_form['full'][0].parent} hold 1.jpg .. 16.jpg each, the "
            f"16-frame form of DFEW: build dfew/f16, or extract {FOLDER_OF_FORM['full']} to build "
            "dfew/full"
        )
    if not by_form[form]:
        raise UserError(
            f"{tree.root} holds only the form {FOLDER_OF_FORM[other]} of DFEW: build dfew/{other}, "
            f"or extract {FOLDER_OF_FORM[form]} there to build dfew/{form}{why_incomplete(tree)}"
        )
    return by_id(by_form[form], tree)


def _form_by_name(clip: Path, root: Path) -> str | None:
    """Returns the form that the folders above a clip name, if they do."""
    for names in (clip.relative_to(root).parts[:-1], (root.name,)):
        if any(_NAMED_16F.search(name) for name in names):
            return "f16"
        if any("224x224" in name for name in names):
            return "full"
    return None


def named_like_16f(names: Sequence[str]) -> bool:
    """Whether a clip's files are named 1 .. 16, as only those of the 16-frame form are."""
    numbers = {str(number) for number in range(1, FRAMES_16F + 1)}
    return len(names) == FRAMES_16F and {Path(name).stem for name in names} == numbers


def look_like_16f(clips: Sequence[Path]) -> bool:
    """Whether the first twenty non-empty clip folders hold files 1 .. 16 and nothing else."""
    checked = 0
    for clip in clips:
        try:
            names = [name for name in os.listdir(clip) if not is_hidden(name)]
        except OSError:
            continue  # told when the frames are listed
        if names:
            if not named_like_16f(names):
                return False
            checked += 1
        if checked == 20:
            break
    return checked > 0


def by_id(clips: Sequence[Path], tree: Release) -> dict[int, Path]:
    """Returns the folder or video of each clip id; a second one of an id is a problem."""
    paths: dict[int, Path] = {}
    for path in clips:
        first = paths.setdefault(int(path.stem), path)
        if first != path:
            kind = "videos" if path.suffix else "folders"
            tree.problems.append(
                f"clip {int(path.stem):05d} has two {kind}, {tree.relative(first)} and "
                f"{tree.relative(path)}: remove one"
            )
    return paths


def why_incomplete(tree: Release) -> str:
    """Returns a clause on what may be the reason: links and archives in the folder; or nothing."""
    if tree.problems:
        return f"; {tree.problems[0]}"
    if not tree.zips:
        return ""
    more = f" and {len(tree.zips) - 1} more" if len(tree.zips) > 1 else ""
    return (
        f"; {tree.relative(sorted(tree.zips)[0])}{more} must be extracted first, "
        "with the password that came with the grant"
    )
