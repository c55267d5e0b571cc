"""Joins MAFW's lists with its clips: which are built, which are missing."""

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from tfds_builders import archives
from tfds_builders.folds import Entry
from tfds_builders.frames import Clip, Decoding, Listing, list_frames
from tfds_builders.mafw import labels, lists, release
from tfds_builders.mafw.release import Release
from tfds_builders.single_pass import SinglePass

NOTICE = (
    "the frames are whole scenes in which no face was detected or cropped: published networks, fed "
    "with them instead of the released faces, lose more than half of their accuracy; crop the "
    "videos first (dfer crop VIDEOS CROPS), or build from data/frames.zip; pictures were shrunk to "
    "at most 256 pixels on the shorter side and stored as JPEG of quality 95"
)
OVERLAP = (
    "MAFW holds 1,097 clips of DFEW, 98 of AFEW and 850 of EmoVoxCeleb, by its paper, which does "
    "not say which: weights trained on those may have seen test clips, say so beside such results"
)

_DECODING = Decoding(shorter_side=256, max_frames=3000, expected_frames=105)


def prepare(manual_dir: Path, *, kind: str, source: str, allow_missing: bool) -> SinglePass:
    """Finds the release and reads its lists; no image or video is opened yet.

    Args:
        manual_dir: the user's folder.
        kind: a key of `labels.KINDS`.
        source: `frames`, or `clips` for the videos.
        allow_missing: listed clips may be absent or empty.

    Raises:
        UserError: if the folder does not hold clips of the source, or lacks lists.
    """
    tree = release.walk(manual_dir)
    paths = release.clips(tree, source=source)
    which = "compound" if kind == "compound" else "single"
    warnings = [NOTICE] * (source == "clips")
    listed = lists.read_folds(tree, which, warnings=warnings)
    entries = {clip: entry for clip, entry in listed.items() if entry.label in labels.KINDS[kind]}
    warnings += [*_left_out(listed, entries, kind), _folds_differ(tree, which, listed), OVERLAP]
    listing = list_clips(tree, paths, entries, source=source)
    missing = []
    if not allow_missing:
        what = "no folder" if source == "frames" else "no video"
        missing += [f"clip {clip_id}: {what}" for clip_id in listing.absent]
        missing += [f"clip {clip_id}: no image in its folder" for clip_id in listing.empty]
    if listing.absent and (why := archives.why_incomplete(tree.archives, tree)):
        warnings.append(f"{len(listing.absent):,} listed clips are absent{why}")
    unlisted = len(paths.keys() - listed.keys())
    if unlisted:
        warnings.append(f"{unlisted:,} further clips are in no list of this set and were left out")
    return SinglePass(
        release=f"MAFW ({kind}, {source})",
        tree=tree,
        listing=listing,
        splits=tuple(f"fd{fold}" for fold in release.FOLDS),
        classes=labels.KINDS[kind],
        expected=labels.expected(kind),
        missing=missing,
        warnings=warnings,
        facts={"kind": kind, "source": source, "unlisted_clips": unlisted},
    )


def list_clips(
    tree: Release, paths: Mapping[int, Path], entries: Mapping[int, Entry], *, source: str
) -> Listing:
    """Lists the frames of every clip of the lists; whatever is wrong joins `tree.problems`."""
    listing = Listing()
    for number, entry in tqdm(entries.items(), desc="listing clips", unit=" clips", leave=False):
        clip_id = f"{number:05d}"
        if number not in paths:
            listing.absent.append(clip_id)
            continue
        clip = Clip(clip_id, f"fd{entry.fold}", entry.label, paths[number])
        if source == "clips":
            listing.clips.append(dataclasses.replace(clip, features={"fps": 0.0}, video=_DECODING))
            continue
        frames = list_frames(clip.path, clip_id, tree=tree, listing=listing)
        if frames:
            listing.clips.append(dataclasses.replace(clip, frames=frames))
        else:
            listing.empty.append(clip_id)
    return listing


def _left_out(listed: Mapping[int, Entry], entries: Mapping[int, Entry], kind: str) -> list[str]:
    """Returns a warning on the clips whose class is not one of the configuration's."""
    counts = collections.Counter(listed[clip].label for clip in listed.keys() - entries.keys())
    if not counts:
        return []
    told = ", ".join(f"{name} {counts[name]:,}" for name in labels.SINGLE if counts[name])
    return [
        f"{sum(counts.values()):,} of {len(listed):,} listed clips are of other classes ({told}) "
        f"and were left out; results on mafw/{kind} compare with no published row of eleven classes"
    ]


def _folds_differ(tree: Release, which: str, listed: Mapping[int, Entry]) -> str:
    """Returns the warning that single and compound folds do not agree, with their numbers."""
    other = "single" if which == "compound" else "compound"
    found = "of the released lists 2,352 of 8,996 common clips lie"
    if all((other, "test", fold) in tree.lists for fold in release.FOLDS):
        second = lists.read_folds(dataclasses.replace(tree, problems=[]), other, warnings=[])
        common, moved = lists.moved(listed, second)
        found = f"{moved:,} of {common:,} common clips lie"
    return (
        f"single and compound folds differ, {found} in another fold: weights trained on a fold of "
        f"mafw/{which} have seen test clips of the same fold of mafw/{other}"
    )
