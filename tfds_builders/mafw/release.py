"""Finds MAFW's clips and fold lists wherever the user put them.

Copies in circulation nest and name the folders differently, so a bounded walk looks for what never
changes: folders or videos named by five digits, or by fewer where zeros were lost, and `train.txt`
and `test.txt` in folders `set_1` .. `set_5` below one named `single` or `compound`.
"""

import dataclasses
import itertools
import re
from collections.abc import Mapping
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.video.decode import SUFFIXES as VIDEO_SUFFIXES
from tfds_builders import archives
from tfds_builders.images import SUFFIXES as IMAGE_SUFFIXES
from tfds_builders.tree import Tree, unnested

FOLDS = (1, 2, 3, 4, 5)
SETS = ("single", "compound")

_MAX_DEPTH = 10  # folders below the root
_CLIP = re.compile(r"0?\d{5}|\d{1,4}", re.ASCII)
_FOLDER = re.compile(r"0?\d{5}(?:[ _.-]+[a-z]+|\.mp4)?", re.ASCII | re.IGNORECASE)
_UNPADDED = re.compile(r"\d{1,4}", re.ASCII)
_NUMBER = re.compile(r"\d+", re.ASCII)
_NEAR = re.compile(r"(?:.*\D)?\d{5}(?:\D.*)?", re.ASCII)
_SET = re.compile(r"(?:set|fold|fd)[_ -]?([1-5])", re.IGNORECASE)
_LIST = re.compile(r"(train|test)\.(txt|csv)", re.IGNORECASE)
_LABELS = re.compile(r"(single|multi)_(set|label)\.(xlsx|txt)", re.IGNORECASE)

ListKey = tuple[str, str, int]
"""Set, split and fold of a list."""


@dataclasses.dataclass
class Release(Tree):
    """What a walk over the user's folder found; paths are absolute.

    Attributes:
        frames: clip folders by id, for each folder that holds some.
        videos: likewise.
        lists: lists of words.
        captioned: lists with captions, which lack every neutral clip.
        numbered: lists of numbers.
        unplaced: lists below no folder named `single` or `compound`.
        labels: files of the release with classes, but without folds.
        near: folders, videos and loose images with a clip's number in other names.
        archives: what may still have to be extracted.
    """

    frames: dict[Path, dict[int, Path]] = dataclasses.field(default_factory=dict)
    videos: dict[Path, dict[int, Path]] = dataclasses.field(default_factory=dict)
    lists: dict[ListKey, list[Path]] = dataclasses.field(default_factory=dict)
    captioned: list[Path] = dataclasses.field(default_factory=list)
    numbered: list[Path] = dataclasses.field(default_factory=list)
    unplaced: list[Path] = dataclasses.field(default_factory=list)
    labels: list[Path] = dataclasses.field(default_factory=list)
    near: list[Path] = dataclasses.field(default_factory=list)
    archives: list[Path] = dataclasses.field(default_factory=list)


def walk(root: Path) -> Release:
    """Walks the user's folder to a bounded depth, without entering clip folders.

    Args:
        root: the folder given as `manual_dir`.

    Raises:
        UserError: if the folder has so many subfolders that it cannot be the release.
    """
    tree = Release(root=root.resolve())

    for path, is_folder in tree.walk(max_depth=_MAX_DEPTH, is_leaf=_is_clip, release="MAFW"):
        if is_folder and _is_clip(path):
            content = unnested(path)
            _note(path, content, tree.frames if content.is_dir() else tree.videos, tree)
        elif is_folder:
            tree.near += [path] * bool(_NEAR.fullmatch(path.name))
        elif path.suffix.lower() in archives.SUFFIXES:
            tree.archives.append(path)
        elif _LIST.fullmatch(path.name) and not tree.refuse_escape(path):
            _note_list(path, tree)
        elif _is_video(path) and not tree.refuse_escape(path):
            _note(path, path, tree.videos, tree)
        elif _LABELS.fullmatch(path.name):
            tree.labels.append(path)
        elif path.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
            tree.near += [path] * bool(_NEAR.fullmatch(path.stem))
    return tree


def _is_clip(path: Path) -> bool:
    """Whether a folder is a clip's; with fewer digits than five only if images lie in it."""
    if _FOLDER.fullmatch(path.name):
        return True
    return bool(_UNPADDED.fullmatch(path.name)) and _holds_images(path)


def _holds_images(path: Path) -> bool:
    try:
        return any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())
    except OSError:
        return False  # told when it is entered


def _is_video(path: Path) -> bool:
    return bool(_CLIP.fullmatch(path.stem)) and path.suffix.lower() in VIDEO_SUFFIXES


def _note(path: Path, content: Path, homes: dict[Path, dict[int, Path]], tree: Release) -> None:
    """Keeps a clip below the folder that it is in; a second one of its id there is a problem."""
    clip = int(_NUMBER.match(path.name)[0])
    first = homes.setdefault(path.parent, {}).setdefault(clip, content)
    if first != content:
        kind = "folders" if path.is_dir() else "videos"
        tree.problems.append(
            f"clip {clip:05d} has two {kind}, {tree.relative(first)} and {tree.relative(path)}: "
            "remove one"
        )


def _note_list(path: Path, tree: Release) -> None:
    """Keeps a list under its set, split and fold, as far as the folders above it name them."""
    above = [part.lower() for part in path.relative_to(tree.root).parts[:-1]]
    fold = _SET.fullmatch(above[-1]) if above else None
    sets = [part for part in above if part in SETS]
    if fold and not sets:
        tree.unplaced.append(path)
    elif not fold:
        return  # a list of something else
    elif path.suffix.lower() == ".csv" and not _has_words(path):
        tree.numbered.append(path)
    elif "with_caption" in above:
        tree.captioned.append(path)
    else:
        key = (sets[-1], path.stem.lower(), int(fold[1]))
        tree.lists.setdefault(key, []).append(path)


def _has_words(path: Path) -> bool:
    """Whether a list ends its rows with words, not with the numbers of classes."""
    try:
        with open(path, "rb") as file:
            head = file.read(4096).replace(b"\0", b"").splitlines()
    except OSError:
        return True  # told when it is read
    return not b"".join(head[:2]).rstrip(b'" \t')[-1:].isdigit()


def clips(tree: Release, *, source: str) -> dict[int, Path]:
    """Returns the folder of frames, or the video, of each clip id.

    Args:
        tree: the walked release.
        source: `frames` or `clips`, the videos.

    Raises:
        UserError: if there is none, or clips are there in two folders.
    """
    homes = tree.frames if source == "frames" else tree.videos
    if source == "frames" and len(homes) > 1:  # landmarks are kept in folders of such names too
        with_images = [home for home, of in homes.items() if any(map(_holds_images, of.values()))]
        homes = {home: homes[home] for home in with_images or homes}
    if not homes:
        raise UserError(_nothing(tree, source))
    for first, second in itertools.combinations(sorted(homes), 2):
        if shared := len(homes[first].keys() & homes[second].keys()):
            raise UserError(
                f"{first} and {second} hold {shared:,} clips of the same ids, and it cannot be "
                "told which to take: move one of the two out of manual_dir"
            )
    return {clip: path for home in homes.values() for clip, path in home.items()}


def _nothing(tree: Release, source: str) -> str:
    other: Mapping[Path, object] = tree.videos if source == "frames" else tree.frames
    if source == "frames":
        what, archive = "folders of face frames (00025, ...)", "data/frames.zip"
        instead = "videos of whole scenes (mafw/single_clips and its like are built of those)"
    else:
        what, archive = "videos (00025.mp4, ...)", "data/clips.zip"
        instead = "folders of frames (mafw/single and its like are built of those)"
    held, first = f", only {instead}" if other else "", ""
    if tree.near and not other:
        held = (
            f", only {len(tree.near):,} folders or files with a clip's number in longer names "
            f"({tree.relative(min(tree.near))}, ...)"
        )
        first = "name the folder of each clip by its number alone, or "
    return (
        f"{tree.root} has no {what} of MAFW{held}: {first}extract {archive} there"
        f"{archives.why_incomplete(tree.archives, tree)}"
    )
