"""Finds FERV39k's face-crop clips and split lists wherever the user extracted the archives.

The release keeps three trees of the same inner shape, `<Scene>/<Class>/<NNNN>`: original videos
(`0_7_LabelClips`), face crops (`2_ClipsforFaceCrop`) and full-scene frames
(`3_ClipsforScenImages`). Copies in circulation misspell and nest these folders, so a bounded walk
looks for the inner shape, and the names above it tell what the frames show.
"""

import dataclasses
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from dfer_jax.errors import UserError
from tfds_builders.ferv39k.scenes import SCENES, WORDS
from tfds_builders.tree import Tree

FOLDER = "2_ClipsforFaceCrop"

_MAX_DEPTH = 10  # folders below the root; the deepest nesting known puts clip folders at 9
_NUMBER = re.compile(r"\d{4}", re.ASCII)
_LIST = re.compile(r"(train|test)_All\.csv", re.IGNORECASE)
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz")
_VIDEOS = (".mp4", ".avi", ".mkv")
_FACES = re.compile(r"face|^2_clip", re.IGNORECASE)
_NO_FACES = re.compile(
    r"scene?s?[ _-]?(im|fr)|full[ _-]?(scene|fr|im)|^3_clip|label[ _-]?clip", re.IGNORECASE
)


@dataclasses.dataclass
class Release(Tree):
    """What a walk over the user's folder found; paths are absolute.

    Attributes:
        clips: clip folders by id, for each folder that holds scenes.
        lists: files by split.
        archives: what may still have to be extracted.
        videos: clips that are video files.
        left_out: folders of scenes of which it is not known what they show.
    """

    clips: dict[Path, dict[str, Path]] = dataclasses.field(default_factory=dict)
    lists: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    archives: list[Path] = dataclasses.field(default_factory=list)
    videos: list[Path] = dataclasses.field(default_factory=list)
    left_out: list[Path] = dataclasses.field(default_factory=list)


def walk(root: Path) -> Release:
    """Walks the user's folder to a bounded depth, without entering clip folders.

    Args:
        root: the folder given as `manual_dir`.

    Raises:
        UserError: if the folder has so many subfolders that it cannot be the release.
    """
    tree = Release(root=root.resolve())
    found = tree.walk(max_depth=_MAX_DEPTH, is_leaf=_is_clip, release="FERV39k")
    for path, is_folder in found:
        if is_folder and _is_clip(path):
            clips = tree.clips.setdefault(path.parents[2], {})
            clips["/".join(path.parts[-3:])] = path
        elif is_folder:
            continue
        elif (match := _LIST.fullmatch(path.name)) and not tree.refuse_escape(path):
            tree.lists.setdefault(match[1].lower(), []).append(path)
        elif path.suffix.lower() in _ARCHIVES:
            tree.archives.append(path)
        elif path.suffix.lower() in _VIDEOS and _is_clip(path.with_suffix("")):
            tree.videos.append(path)
    for paths in (*tree.lists.values(), tree.archives, tree.videos):
        paths.sort()
    return tree


def _is_clip(path: Path) -> bool:
    """Whether a path ends in a scene, a class of it, and a clip's number."""
    return bool(
        _NUMBER.fullmatch(path.name)
        and path.parent.name in WORDS
        and path.parents[1].name in SCENES
    )


def face_crops(tree: Release, *, scene: str | None = None, warnings: list[str]) -> dict[str, Path]:
    """Returns the folder of each clip of face crops; a second folder of a clip is a problem.

    What a tree of scenes shows is told by the nearest name above the scenes that says something.
    Where none does, it is taken as face crops, with a warning.

    Args:
        tree: the walked release; trees that hold the same clips are added to its `problems`.
        scene: the only scene looked for; all if none.
        warnings: receives a line on trees that no name tells anything about.

    Raises:
        UserError: if there are no face crops, or it cannot be told which tree holds them.
    """
    by_kind: dict[bool | None, list[Path]] = {True: [], None: [], False: []}
    for home in sorted(tree.clips):
        by_kind[_shows_faces(home, tree.root)].append(home)
    homes = by_kind[True] or by_kind[None]
    if not homes:
        raise UserError(_no_face_crops(tree, by_kind[False]))
    unnamed = ", ".join(map(str, by_kind[None]))
    if by_kind[True] and unnamed:
        tree.left_out = by_kind[None]
        warnings.append(f"left out, for no folder name says that these are faces: {unnamed}")
    elif unnamed:
        warnings.append(f"taken as face crops, though no folder name says so: {unnamed}")
    _refuse_shared(tree, homes, named=bool(by_kind[True]))
    folders = {clip_id: path for home in homes for clip_id, path in tree.clips[home].items()}
    if scene:
        folders = {name: path for name, path in folders.items() if name.startswith(f"{scene}/")}
    if not folders:
        raise UserError(
            f"{tree.root} has no face crops of scene {scene} ({scene}/Happy/0000, ...): extract "
            f"{FOLDER} there{why_incomplete(tree)}"
        )
    return folders


def _shows_faces(home: Path, root: Path) -> bool | None:
    """Returns whether frames are face crops by the names from the scenes' folder up to the root.

    A link is judged by its own name first, then by what it leads to.
    """
    for path in (home, home.resolve()):
        folders = [path, *path.parents]
        inside = folders[: folders.index(root) + 1] if root in folders else [path]
        for folder in inside:
            if _FACES.search(folder.name):
                return True
            if _NO_FACES.search(folder.name):
                return False
    return None


def _refuse_shared(tree: Release, homes: Sequence[Path], *, named: bool) -> None:
    """Refuses two trees that hold clips of the same id: it is unclear which to take."""
    for first, second in itertools.combinations(homes, 2):
        clips = len(tree.clips[first].keys() & tree.clips[second].keys())
        shared = f"{first} and {second} hold {clips:,} clips of the same names"
        if clips and not named:
            raise UserError(
                f"{shared}, and no folder name says which are the face crops: put those below a "
                f"folder named {FOLDER}"
            )
        if clips:
            tree.problems.append(f"{shared}: remove one of the two")


def _no_face_crops(tree: Release, others: Sequence[Path]) -> str:
    """Returns why there is nothing to build."""
    held = "has no FERV39k clip folders (Action/Happy/0000, ...)"
    if others:
        held = f"holds of FERV39k only frames that are no face crops ({others[0]})"
    elif tree.videos:
        held = f"holds of FERV39k only the original videos ({tree.relative(tree.videos[0])}, ...)"
    return f"{tree.root} {held}: extract {FOLDER} there{why_incomplete(tree)}"


def why_incomplete(tree: Release) -> str:
    """Returns a clause on what may be the reason: links, names, archives; or nothing."""
    if tree.problems:
        return f"; {tree.problems[0]}"
    if tree.left_out:
        return (
            f"; {tree.left_out[0]} was left out, for no folder name says that it holds faces: put "
            f"it below a folder named {FOLDER} if it does"
        )
    if not tree.archives:
        return ""
    names = sorted(map(tree.relative, tree.archives), key=lambda name: not _FACES.search(name))
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"; {names[0]}{more} must be extracted first"
