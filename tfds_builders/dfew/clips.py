"""Joins DFEW's lists and votes with its clips: which are built, which are missing."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from tfds_builders.dfew import lists, original, release
from tfds_builders.dfew.release import FRAMES_16F, Release, named_like_16f
from tfds_builders.dfew.votes import NO_VOTES, Votes, read_votes
from tfds_builders.folds import Entry
from tfds_builders.frames import Clip, Listing, list_frames
from tfds_builders.single_pass import SinglePass

EXPECTED = {
    "fd1": (489, 379, 534, 435, 294, 29, 181),
    "fd2": (489, 379, 534, 435, 294, 29, 181),
    "fd3": (489, 379, 534, 435, 294, 29, 180),
    "fd4": (489, 379, 534, 434, 294, 29, 180),
    "fd5": (489, 378, 533, 434, 293, 29, 180),
}
"""Clips per class of each test fold in the released lists (2341, 2341, 2340, 2339, 2336)."""

_IDS_PER_PART = 1600  # the full-length form has an archive for so many ids, videos for three times
_LIKELY_PART = 100  # listed clips of a part that must all be absent for the part to be called so


def prepare(manual_dir: Path, *, form: str, allow_missing: bool) -> SinglePass:
    """Finds the release and reads its lists; no image or video is opened yet.

    Args:
        manual_dir: the user's folder.
        form: `full`, `f16` or `original`.
        allow_missing: listed clips may be absent or empty.

    Raises:
        UserError: if the folder does not hold the release in this form, or only half of it.
    """
    tree = release.walk(manual_dir)
    warnings = [original.NOTICE] if form == "original" else []
    if form == "original":
        paths = original.clip_videos(tree, warnings=warnings)
    else:
        paths = release.clip_folders(tree, form)
    entries = lists.read_folds(tree, warnings=warnings)
    votes = read_votes(tree, entries, warnings=warnings)
    listing = list_clips(tree, paths, entries, form=form, votes=votes)
    missing = []
    if not allow_missing:
        _refuse_missing_parts(listing, entries, tree)
        kind = "video" if form == "original" else "folder"
        missing += [f"clip {clip_id}: no {kind}" for clip_id in listing.absent]
        missing += [f"clip {clip_id}: no image in its folder" for clip_id in listing.empty]
    unlisted = len(paths.keys() - entries.keys())
    if unlisted:
        warnings.append(f"{unlisted:,} further clips are in no list and were left out")
    return SinglePass(
        release=f"DFEW ({form})",
        tree=tree,
        listing=listing,
        splits=tuple(EXPECTED),
        expected=EXPECTED,
        missing=missing,
        warnings=warnings,
        facts={"form": form, "unlisted_clips": unlisted, "votes": bool(votes)},
    )


def list_clips(
    tree: Release,
    paths: Mapping[int, Path],
    entries: Mapping[int, Entry],
    *,
    form: str,
    votes: Mapping[int, Votes],
) -> Listing:
    """Lists the frames of every clip of the lists; whatever is wrong joins `tree.problems`.

    Args:
        tree: the walked release.
        paths: the folder, or video, of each clip id found.
        entries: fold and label of each clip id in the lists.
        form: `full`, `f16` or `original`.
        votes: of each clip id that has some.
    """
    listing = Listing()
    for clip, entry in tqdm(entries.items(), desc="listing clips", unit=" clips", leave=False):
        clip_id = f"{clip:05d}"
        if clip not in paths:
            listing.absent.append(clip_id)
            continue
        found = Clip(
            id=clip_id,
            split=f"fd{entry.fold}",
            label=CLASSES[entry.label - 1],
            path=paths[clip],
            features={"votes": votes.get(clip, NO_VOTES)},
            video=original.DECODING if form == "original" else None,
        )
        if not found.video:
            frames = list_frames(found.path, clip_id, tree=tree, listing=listing)
            if not frames:
                listing.empty.append(clip_id)
                continue
            _check_form(clip_id, frames, form, tree.problems)
            found = dataclasses.replace(found, frames=frames)
        listing.clips.append(found)
    return listing


def _check_form(clip_id: str, frames: Sequence[str], form: str, problems: list[str]) -> None:
    """A clip whose frames are those of the other form of frames is a problem."""
    if form == "f16" and len(frames) > FRAMES_16F:
        problems.append(
            f"clip {clip_id} has {len(frames)} frames, the 16-frame form at most {FRAMES_16F}: "
            "is this the full-length form?"
        )
    elif form == "full" and named_like_16f(frames):
        problems.append(
            f"clip {clip_id} holds 1.jpg .. 16.jpg, the 16-frame form: replace its folder by "
            "that of clip_224x224"
        )


def _refuse_missing_parts(listing: Listing, entries: Mapping[int, Entry], tree: Release) -> None:
    """Raises at once if whole parts of the release are absent: the extraction is not finished."""

    def by_part(ids: Iterable[int]) -> collections.Counter[int]:
        return collections.Counter((clip - 1) // _IDS_PER_PART + 1 for clip in ids)

    absent = by_part(int(clip_id) for clip_id in listing.absent)
    listed = by_part(entries)
    parts = [part for part, number in absent.items() if number == listed[part] >= _LIKELY_PART]
    if parts:
        ranges = ", ".join(
            f"{(part - 1) * _IDS_PER_PART + 1:05d}-{part * _IDS_PER_PART:05d}" for part in parts
        )
        raise UserError(
            f"{tree.root} is half extracted, {len(listing.absent):,} of {len(entries):,} listed "
            f"clips are absent (all of {ranges}: part {', '.join(map(str, parts))} of the "
            "release); extract the rest, or build without it by --allow_missing"
            f"{release.why_incomplete(tree)}"
        )
