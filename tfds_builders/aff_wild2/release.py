"""Finds Aff-Wild2's annotations and aligned face crops wherever the user extracted the archives.

Folder names change with every ABAW competition: sub-tracks are `EXPR_Set` and `AU_Set` (2020,
2021), `EXPR_Classification_Challenge` and `AU_Detection_Challenge` (2022, 2023) or
`EXPR_Recognition_Challenge` (2024 on); splits `Training_Set` (2020) or `Train_Set`, and
`Validation_Set`. Pictures lie in `cropped_aligned`, from 2022 also in
`cropped_aligned_new_50_vids`, one folder for each face that is followed through a video.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dfer_jax.errors import UserError
from tfds_builders.tree import Tree

SPLITS = ("train", "validation")

_MAX_DEPTH = 8  # folders below the root
_TRACKS = {
    "expr": re.compile(r"expr[ _-](set|\w+[ _-]challenge)", re.IGNORECASE),
    "au": re.compile(r"au[ _-](set|\w+[ _-]challenge)", re.IGNORECASE),
}
_SPLIT_FOLDERS = {
    "train": re.compile(r"train(ing)?[ _-]set", re.IGNORECASE),
    "validation": re.compile(r"validation[ _-]set", re.IGNORECASE),
}
_CROPS = re.compile(r"cropped", re.IGNORECASE)
_ALIGNED = re.compile(r"cropped.*aligned", re.IGNORECASE)
_BATCH = re.compile(r"batch[ _-]?\d+|new_vids", re.IGNORECASE)
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz")


@dataclasses.dataclass
class Release(Tree):
    """What a walk over the user's folder found; paths are absolute.

    Attributes:
        tracks: folders of a sub-track, with their folders of annotations by split.
        pictures: folders of aligned face crops by name.
        archives: what may still have to be extracted.
    """

    tracks: dict[Path, dict[str, list[Path]]] = dataclasses.field(default_factory=dict)
    pictures: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    archives: list[Path] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Source:
    """Where one face of one video is annotated.

    Attributes:
        name: of the file without suffix, which is that of the folder of pictures too.
        split: in `SPLITS`.
        path: the file.
    """

    name: str
    split: str
    path: Path

    @property
    def subject(self) -> str:
        """Which of two faces in the video is meant, `left` or `right`; empty for the only one."""
        return next((side for side in ("left", "right") if self.name.endswith(f"_{side}")), "")

    @property
    def video(self) -> str:
        """Name of the video; several annotations may share it, so it identifies none of them."""
        return self.name.removesuffix(f"_{self.subject}") if self.subject else self.name


def walk(root: Path, *, track: str) -> Release:
    """Walks the user's folder to a bounded depth, without entering folders of pictures.

    Args:
        root: the folder given as `manual_dir`.
        track: `expr` or `au`.

    Raises:
        UserError: if the folder has so many subfolders that it cannot be the release.
    """
    tree = Release(root=root.resolve())

    def is_leaf(path: Path) -> bool:
        return _is_of_crops(path, tree.root) or _split_of(path, track) is not None

    for path, is_folder in tree.walk(max_depth=_MAX_DEPTH, is_leaf=is_leaf, release="Aff-Wild2"):
        if not is_folder:
            if path.suffix.lower() in _ARCHIVES:
                tree.archives.append(path)
        elif split := _split_of(path, track):
            tree.tracks.setdefault(path.parent, {}).setdefault(split, []).append(path)
        elif _is_of_crops(path, tree.root) and _ALIGNED.match(_crops(path).name):
            tree.pictures.setdefault(path.name, []).append(path)
    tree.archives.sort()
    tree.hidden = 0  # those beside the release do not matter, only those among what is read
    return tree


def _split_of(path: Path, track: str) -> str | None:
    """Returns the split that a folder of the track's annotations is of; None if it is not one."""
    if not _TRACKS[track].fullmatch(path.parent.name):
        return None
    names = (split for split, name in _SPLIT_FOLDERS.items() if name.fullmatch(path.name))
    return next(names, None)


def _crops(path: Path) -> Path:
    """Returns the folder that holds a folder of pictures, above those of batches."""
    folder = path.parent
    while _BATCH.fullmatch(folder.name):
        folder = folder.parent
    return folder


def _is_of_crops(path: Path, root: Path) -> bool:
    """Whether a folder holds the face crops of one video, aligned or not."""
    if _CROPS.match(path.name) or _BATCH.fullmatch(path.name) or _crops(path) == root:
        return False
    return bool(_CROPS.match(_crops(path).name))


def annotations(tree: Release, *, track: str) -> tuple[list[Source], list[str]]:
    """Returns the track's annotation files by name, and the stray files among them.

    Args:
        tree: the walked release; a name in two files joins its `problems`.
        track: `expr` or `au`.

    Raises:
        UserError: if there are none of a split, or those of more than one edition.
    """
    if not tree.tracks:
        raise UserError(
            f"{tree.root} has no annotations of Aff-Wild2's {track} track (EXPR_Set/Train_Set, "
            f"AU_Detection_Challenge/Train_Set, ...): extract them there{why_incomplete(tree)}"
        )
    if len(tree.tracks) > 1:
        first, second, *_ = sorted(tree.tracks)
        raise UserError(
            f"{first} and {second} both hold annotations of the {track} track, and editions of "
            "the competition differ: leave only one of them in manual_dir"
        )
    ((home, by_split),) = tree.tracks.items()
    sources: dict[str, Source] = {}
    strays: list[str] = []
    for split in SPLITS:
        found = list(_files(tree, by_split.get(split, ()), strays))
        if not found:
            raise UserError(f"{home} has no annotations of the {split} split: extract them again")
        for path in found:
            source = Source(path.stem, split, path)
            other = sources.setdefault(source.name, source)
            if other is not source:
                names = f"{tree.relative(other.path)} and {tree.relative(path)}"
                tree.problems.append(f"{names} annotate the same video: remove one of the two")
    return sorted(sources.values(), key=lambda source: source.name), strays


def _files(tree: Release, folders: Sequence[Path], strays: list[str]) -> Iterator[Path]:
    """Yields the text files of folders; other entries join `strays`."""
    for folder in folders:
        for entry in tree.scan(folder):
            path = Path(entry.path)
            if path.suffix.lower() != ".txt" or not path.is_file():
                strays.append(tree.relative(path))
            elif not tree.refuse_escape(path):
                yield path


def picture_folders(tree: Release) -> dict[str, Path]:
    """Returns the folder of aligned face crops of each name; a second one is a problem.

    Raises:
        UserError: if there are none.
    """
    if not tree.pictures:
        raise UserError(
            f"{tree.root} has no aligned face crops of Aff-Wild2 (cropped_aligned/<video>/"
            f"00001.jpg, ...): extract cropped_aligned there{why_incomplete(tree)}"
        )
    for first, *others in tree.pictures.values():
        for other in others:
            tree.problems.append(
                f"{tree.relative(first)} and {tree.relative(other)} hold pictures of the same "
                "video: remove one of the two"
            )
    return {name: folders[0] for name, folders in tree.pictures.items()}


def why_incomplete(tree: Release) -> str:
    """Returns a clause on what may be the reason: links, archives; or nothing."""
    if tree.problems:
        return f"; {tree.problems[0]}"
    if not tree.archives:
        return ""
    more = f" and {len(tree.archives) - 1} more" if len(tree.archives) > 1 else ""
    return f"; {tree.relative(tree.archives[0])}{more} must be extracted first"
