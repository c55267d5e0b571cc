"""Looks beside the clips of a release for what its builder passes over without a word."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from dfer_jax.video.decode import SUFFIXES as VIDEO_SUFFIXES
from tfds_builders.images import SUFFIXES as IMAGE_SUFFIXES
from tfds_builders.single_pass import SinglePass
from tfds_builders.tree import Tree


@dataclasses.dataclass
class Strays:
    """Files and folders beside the clips, as seen from the root.

    Attributes:
        unlisted: named as clips are, but in no list.
        misnamed: folders among the clips that are not named as clips are.
        loose: images and videos outside every clip.
    """

    unlisted: list[str] = dataclasses.field(default_factory=list)
    misnamed: list[str] = dataclasses.field(default_factory=list)
    loose: list[str] = dataclasses.field(default_factory=list)


def find_strays(state: SinglePass) -> Strays:
    """Lists what lies in the folders that hold clips, and above them, and belongs to no clip.

    Clip folders themselves are not entered.

    Args:
        state: what the builder's `prepare` returned.
    """
    clips = {clip.path for clip in state.listing.clips}
    homes = {path.parent for path in clips}
    shapes = {_shape(path) for path in clips}
    empty = {clip_id.split("/")[-1] for clip_id in state.listing.empty}  # told already
    above = {parent for path in homes for parent in path.parents} | homes
    above = {path for path in above if path.is_relative_to(state.tree.root)}
    known = clips | above | _parents_of_lists(state.tree)
    found = Strays()
    tree = Tree(state.tree.root)  # what cannot be read has been told by the builder's walk
    for folder in sorted(above):
        for entry in tree.scan(folder):
            path = Path(entry.path)
            if path in known or path.name in empty:
                continue
            if folder in homes and _shape(path) in shapes:
                found.unlisted.append(tree.relative(path))
            elif folder in homes and entry.is_dir(follow_symlinks=False):
                found.misnamed.append(tree.relative(path))
            elif path.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
                found.loose.append(tree.relative(path))
    return found


def list_paths(tree: Tree) -> list[Path]:
    """Returns the lists of a release, as far as its walk keeps them; ascending."""
    lists: dict[object, Iterable[Path]] = getattr(tree, "lists", {})
    return sorted(path for paths in lists.values() for path in paths)


def _parents_of_lists(tree: Tree) -> set[Path]:
    return {parent for path in list_paths(tree) for parent in path.parents}


def _shape(path: Path) -> str:
    """Returns a name with all digits alike, so that `00017` is of the shape of `16372`."""
    return re.sub(r"\d", "0", path.name)
