"""Finds DFEW's clips in their original form: whole pictures as `1.mp4` .. `16372.mp4`.

The release keeps them below `Clip/original/data_part_*`. Videos below a folder called `..224x224..`
(such as `clip_224x224_avi/00001.avi`) are the face frames made into videos by someone; no video of
those, and no .avi file, is ever taken for an original clip.
"""

import re
from pathlib import Path

from dfer_jax.errors import UserError, list_some
from tfds_builders.dfew.release import Release, by_id, why_incomplete
from tfds_builders.frames import Decoding

DECODING = Decoding(shorter_side=256, max_frames=2000, expected_frames=100)
"""256 pixels are the size of the released face frames, in which the longest clip has 847."""
NOTICE = (
    "the frames are whole pictures in which no face was detected, aligned or cropped; they were "
    f"shrunk to at most {DECODING.shorter_side} pixels on the shorter side and stored as JPEG of "
    "quality 95"
)

_ARCHIVES = "Clip/original/data_part_*.zip"
_NAME = re.compile(r"\d{1,5}\.mp4", re.IGNORECASE | re.ASCII)  # padded in the README, not on disk


def clip_videos(tree: Release, *, warnings: list[str]) -> dict[int, Path]:
    """Returns the video of each clip id; a second video of an id is a problem.

    Args:
        tree: the walked release; ids with two videos are added to its `problems`.
        warnings: receives the videos that were left out.

    Raises:
        UserError: if there is no video of the original form.
    """
    faces = [path for path in tree.videos if _shows_faces(path, tree.root)]
    unnamed = [path for path in tree.videos if not _NAME.fullmatch(path.name)]
    originals = sorted(set(tree.videos) - set(faces) - set(unnamed))
    if not originals:
        raise UserError(
            f"{tree.root} has no videos of the form original (1.mp4, 2.mp4, ...)"
            f"{_what_instead(tree, faces)}: extract {_ARCHIVES} there{why_incomplete(tree)}"
        )
    others = sorted(set(faces) | set(unnamed))
    if others:
        warnings.append(
            f"{len(others):,} videos show face frames or are not named ID.mp4, and were left out:\n"
            f"{list_some([tree.relative(path) for path in others])}"
        )
    return by_id(originals, tree)


def _shows_faces(video: Path, root: Path) -> bool:
    """Whether the folders above a video say that it was made of face frames."""
    above = video.relative_to(root).parts[:-1]
    if "original" in (name.lower() for name in above):
        return False
    return any("224x224" in name for name in (root.name, *above))


def _what_instead(tree: Release, faces: list[Path]) -> str:
    """Returns a clause on what the folder holds that may have been meant."""
    if faces:
        return f", the videos in {tree.relative(faces[0].parent)} are made of face frames"
    if tree.clips:
        return ", only face frames (dfew/full and dfew/f16 are built from those)"
    return ""
