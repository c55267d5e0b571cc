"""Finds clips whose names say what they show, as videos or as folders of frames, at any depth.

RAVDESS and CREMA-D have no lists: every clip is named by its label, actor and text, so it is found
by the pattern of its name, wherever the user put it. Crops of the faces, one folder of frames a
clip, carry the same names.
"""

import dataclasses
import filecmp
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.video.decode import SUFFIXES as VIDEO_SUFFIXES
from tfds_builders import archives
from tfds_builders.images import SUFFIXES as IMAGE_SUFFIXES
from tfds_builders.tree import Tree, is_hidden, unnested

_MAX_DEPTH = 10  # folders below the root
_SOUNDS = (".wav", ".mp3")
_COPY = re.compile(r" ?\(\d+\)$| - Copy( \(\d+\))?$")  # of browsers and of Windows
_PURPOSE = re.compile(r"[ _.-]+[A-Za-z]+$")  # x_aligned of OpenFace, x_frames, x-faces
_NUMBERS = (re.compile(r"[ _.-]+\d+$"), re.compile(r"[ _.-]+[A-Za-z]+[ _.-]*\d+$"))  # of a frame


@dataclasses.dataclass
class Found(Tree):
    """What a walk over the user's folder found; paths are absolute.

    Attributes:
        clips: videos and folders of frames by clip id.
        unnamed: videos that are not named as clips are.
        loose: images outside folders of frames whose names begin as those of clips.
        sounds: sound files that are named as clips are.
        archives: what may still have to be extracted.
        tables: files of the release besides the clips, by name in lower case.
        copies: clips left out because the same bytes are there in another place.
    """

    clips: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    unnamed: list[Path] = dataclasses.field(default_factory=list)
    loose: list[Path] = dataclasses.field(default_factory=list)
    sounds: list[Path] = dataclasses.field(default_factory=list)
    archives: list[Path] = dataclasses.field(default_factory=list)
    tables: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    copies: list[Path] = dataclasses.field(default_factory=list)


def walk(
    root: Path,
    *,
    identify: Callable[[str], str | None],
    release: str,
    tables: Collection[str] = (),
) -> Found:
    """Walks the user's folder to a bounded depth, without entering folders of frames.

    Args:
        root: the folder given as `manual_dir`.
        identify: returns the clip id of a name without suffix, None if no clip is named so.
        release: what is looked for, for messages.
        tables: names of files that are kept, in lower case.

    Raises:
        UserError: if the folder has so many subfolders that it cannot be the release.
    """
    tree = Found(root=root.resolve())

    def is_leaf(path: Path) -> bool:
        return _folder_id(path, identify) is not None

    for path, is_folder in tree.walk(max_depth=_MAX_DEPTH, is_leaf=is_leaf, release=release):
        suffix = path.suffix.lower()
        clip_id = (_folder_id if is_folder else _file_id)(path, identify)
        if is_folder:
            if clip_id:
                tree.clips.setdefault(clip_id, []).append(unnested(path))
        elif suffix in archives.SUFFIXES:
            tree.archives.append(path)
        elif suffix in _SOUNDS and clip_id:
            tree.sounds.append(path)
        elif suffix in IMAGE_SUFFIXES:
            if any(identify(number.sub("", path.stem)) for number in _NUMBERS):
                tree.loose.append(path)
        elif suffix not in VIDEO_SUFFIXES and _table(path) not in tables:
            continue
        elif not tree.refuse_escape(path):
            _keep(path, clip_id, tree)
    return tree


def _folder_id(path: Path, identify: Callable[[str], str | None]) -> str | None:
    """The clip of a folder, whatever tools put behind its name (`x_aligned`, `x.mp4`)."""
    name = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
    return identify(name) or identify(_PURPOSE.sub("", name))


def _file_id(path: Path, identify: Callable[[str], str | None]) -> str | None:
    """The clip of a file, which may be another copy of it (`x (1).mp4`, `x.flv.mp4`)."""
    name = path.stem.strip()
    if Path(name).suffix.lower() in VIDEO_SUFFIXES:
        name = Path(name).stem
    return identify(name) or identify(_COPY.sub("", name))


def _table(path: Path) -> str:
    return f"{_COPY.sub('', path.stem)}{path.suffix}".lower()


def _keep(path: Path, clip_id: str | None, tree: Found) -> None:
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        tree.tables.setdefault(_table(path), []).append(path)
    elif clip_id:
        tree.clips.setdefault(clip_id, []).append(path)
    else:
        tree.unnamed.append(path)


def instead(tree: Found) -> tuple[str, str]:
    """Returns what lies there instead of clips, and what to do with it; two clauses or nothing."""
    if tree.loose:
        first = tree.relative(min(tree.loose))
        return (
            f", only {len(tree.loose):,} images side by side, named by clip and number "
            f"({first}, ...)",
            "move those of each clip into a folder of its name, or ",
        )
    if tree.unnamed:
        first = tree.relative(min(tree.unnamed))
        return (
            f", only {len(tree.unnamed):,} videos with other names ({first}, ...)",
            "give them the released names, or ",
        )
    if tree.sounds:
        return f", only sound ({tree.relative(min(tree.sounds))}, ...)", ""
    return "", ""


def one_of_each(tree: Found, *, release: str) -> dict[str, Path]:
    """Returns the video, or the folder of frames, of each clip id, ascending.

    A second one of the same bytes is left out and kept in `tree.copies`; one of other bytes is a
    problem.

    Args:
        tree: the walked folder.
        release: for messages.

    Raises:
        UserError: if there are videos and folders of frames.
    """
    folders = [path for paths in tree.clips.values() for path in paths if path.is_dir()]
    videos = [path for paths in tree.clips.values() for path in paths if not path.is_dir()]
    if folders and videos:
        raise UserError(
            f"{tree.root} holds clips of {release} both as videos ({tree.relative(min(videos))}, "
            f"...) and as folders of frames ({tree.relative(min(folders))}, ...): pass a folder "
            "that holds only one kind as manual_dir"
        )
    chosen, differ = {}, []
    for clip_id, paths in sorted(tree.clips.items()):
        chosen[clip_id], *others = sorted(paths)
        for other in others:
            if _same_bytes(chosen[clip_id], other):
                tree.copies.append(other)
            else:
                differ.append(f"{tree.relative(chosen[clip_id])} and {tree.relative(other)}")
    if differ:
        kind = "folders" if folders else "videos"
        tree.problems.append(
            f"clips have two {kind} that differ, remove one of each ({len(differ):,}: "
            f"{'; '.join(differ[:3])}{'; ...' * (len(differ) > 3)})"
        )
    return chosen


def _same_bytes(first: Path, second: Path) -> bool:
    try:
        if not first.is_dir():
            return filecmp.cmp(first, second, shallow=False)
        names = [
            sorted(n for n in os.listdir(path) if not is_hidden(n)) for path in (first, second)
        ]
        return names[0] == names[1] and not any(
            filecmp.cmpfiles(first, second, names[0], shallow=False)[1:]
        )
    except OSError:
        return False
