"""What the builders of acted clips share: folds by actor, listing, remarks on what is not there."""

import collections
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from tqdm import tqdm

from dfer_jax.errors import UserError, list_some
from tfds_builders import archives
from tfds_builders.frames import Clip, Decoding, list_frames
from tfds_builders.named_clips import Found
from tfds_builders.single_pass import SinglePass

NOTICE = (
    "the frames are whole pictures, faces are not cropped: networks for faces need crops, so crop "
    "the videos first (dfer crop VIDEOS CROPS) and build the crops in the same way; pictures were "
    "shrunk to at most 256 pixels on the shorter side and stored as JPEG of quality 95"
)


def clip_of(clip: Clip, state: SinglePass, *, max_frames: int, usual_frames: int) -> Clip | None:
    """Returns the clip with its frames listed, or how to decode it; None if its folder is empty.

    Args:
        clip: with the path of its video or folder.
        state: an empty folder joins `listing.empty`.
        max_frames: a video with more is a problem.
        usual_frames: of a video, by which shards are cut.
    """
    features = {**clip.features, "fps": 0.0}
    if not clip.path.is_dir():
        video = Decoding(shorter_side=256, max_frames=max_frames, expected_frames=usual_frames)
        return dataclasses.replace(clip, features=features, video=video)
    frames = list_frames(clip.path, clip.id, tree=state.tree, listing=state.listing)
    if not frames:
        state.listing.empty.append(clip.id)
        return None
    return dataclasses.replace(clip, features=features, frames=frames)


def list_clips(
    clips: Sequence[Clip],
    state: SinglePass,
    *,
    max_frames: int,
    usual_frames: int,
    allow_missing: bool,
) -> None:
    """Lists all clips into the state; an empty folder is missing, see `clip_of`."""
    bar = tqdm(clips, desc="listing clips", unit=" clips", leave=False)
    found = [clip_of(clip, state, max_frames=max_frames, usual_frames=usual_frames) for clip in bar]
    state.listing.clips += [clip for clip in found if clip]
    if not allow_missing:
        state.missing += [
            f"clip {clip_id}: no image in its folder" for clip_id in state.listing.empty
        ]
    if any(clip.video for clip in state.listing.clips):
        state.warnings.insert(0, NOTICE)


def remarks(tree: Found, *, absent: Sequence[str], published: int, release: str) -> list[str]:
    """Returns warnings on what lies in the folder and is not built, and on what is not there.

    Args:
        tree: the walked folder.
        absent: ids of published clips that are not there.
        published: how many clips were published.
        release: what their names are those of.
    """
    lines = []
    if tree.unnamed:
        names = [tree.relative(path) for path in sorted(tree.unnamed)]
        lines.append(
            f"{len(names):,} videos are not named as clips of {release} are and were left out:\n"
            f"{list_some(names)}"
        )
    if tree.copies:
        names = [tree.relative(path) for path in sorted(tree.copies)]
        lines.append(
            f"{len(names):,} clips are there twice with the same bytes; of each, this one was left "
            f"out:\n{list_some(names)}"
        )
    if absent:
        lines.append(
            f"{len(absent):,} of the {published:,} published clips are not there"
            f"{archives.why_incomplete(tree.archives, tree)}:\n{list_some(sorted(absent))}"
        )
    return lines


def refuse_half_folds(
    folds: Mapping[str, Sequence[int]], actors: Collection[int], *, tree: Found, release: str
) -> None:
    """Raises if a fold has no actor: it cannot be tested on.

    Args:
        folds: actors by split.
        actors: of the clips there.
        tree: the walked folder.
        release: for the message.

    Raises:
        UserError: naming the actors there and those of the folds without any.
    """
    empty = {split: of for split, of in folds.items() if not set(of) & set(actors)}
    if not empty or not actors:
        return
    lacking = ", ".join(f"{split} (actors {of[0]}-{of[-1]})" for split, of in empty.items())
    there = ", ".join(map(str, sorted(actors)[:12])) + ", ..." * (len(actors) > 12)
    raise UserError(
        f"{release}'s folds test on actors that training never sees, but of {lacking} no clip is "
        f"there, only of {there}: extract an actor of each fold, or build what is there by "
        f"video_folder with a table of its own{archives.why_incomplete(tree.archives, tree)}"
    )


def short_actors(have: Iterable[int], want: Iterable[int]) -> list[str]:
    """Returns a warning that numbers the clips of every actor who has fewer than published.

    Args:
        have: actor of each clip there.
        want: actor of each published clip.
    """
    found, published = collections.Counter(have), collections.Counter(want)
    short = [
        f"{actor} ({found[actor]} of {published[actor]})"
        for actor in sorted(published)
        if found[actor] < published[actor]
    ]
    if not short:
        return []
    return [f"{len(short)} actors have fewer clips than published:\n{list_some(short)}"]
