"""Joins FERV39k's lists with its clip folders: which clips are built, which are missing."""

import collections
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from dfer_jax.errors import UserError, list_some
from tfds_builders.ferv39k import lists, release, scenes
from tfds_builders.ferv39k.lists import Entry
from tfds_builders.ferv39k.release import Release
from tfds_builders.frames import Clip, Listing, list_frames
from tfds_builders.single_pass import SinglePass

_LIKELY_PART = 100  # listed clips of a scene that must all be absent for the scene to be called so


def prepare(manual_dir: Path, *, scene: str | None, allow_missing: bool) -> SinglePass:
    """Finds the release and reads its lists; no image is opened yet.

    Args:
        manual_dir: the user's folder.
        scene: one of `scenes.SCENES`, or None for all.
        allow_missing: listed clips may be absent or empty.

    Raises:
        UserError: if the folder does not hold the release's face crops, or only some scenes.
    """
    tree = release.walk(manual_dir)
    warnings: list[str] = []
    folders = release.face_crops(tree, scene=scene, warnings=warnings)
    entries = lists.read_splits(tree)
    if scene:
        entries = {clip_id: entry for clip_id, entry in entries.items() if entry.scene == scene}
    if skipped := lists.unlisted_numbers(entries):
        warnings.append(
            f"{len(skipped):,} clip numbers are in neither list, though the release leaves none "
            f"out:\n{list_some(skipped)}"
        )
    listing = list_clips(tree, folders, entries)
    missing = []
    if not allow_missing:
        _refuse_missing_scenes(listing, entries, tree)
        missing += [f"clip {clip_id}: no folder" for clip_id in listing.absent]
        missing += [f"clip {clip_id}: no image in its folder" for clip_id in listing.empty]
    unlisted = sorted(folders.keys() - entries.keys())
    if unlisted:
        warnings.append(
            f"{len(unlisted):,} further clip folders are in no list and were left out:\n"
            f"{list_some(unlisted)}"
        )
    counts = scenes.count(listing.clips)
    return SinglePass(
        release=f"FERV39k ({scene or 'all scenes'})",
        tree=tree,
        listing=listing,
        splits=scenes.SPLITS,
        expected=scenes.expected([scene] if scene else scenes.SCENES),
        tables=() if scene else (scenes.table(counts),),
        missing=missing,
        warnings=warnings,
        facts={
            "clips_per_scene_split_and_class": {scene: counts[scene]} if scene else counts,
            "unlisted_clips": len(unlisted),
        },
    )


def list_clips(tree: Release, folders: Mapping[str, Path], entries: Mapping[str, Entry]) -> Listing:
    """Lists the frames of every clip of the lists; whatever is wrong joins `tree.problems`.

    Args:
        tree: the walked release.
        folders: the folder of each clip id found.
        entries: what the lists say of each clip id.
    """
    listing = Listing()
    bar = tqdm(entries.items(), desc="listing frames", unit=" clips", leave=False)
    for clip_id, entry in bar:
        if clip_id not in folders:
            listing.absent.append(clip_id)
            continue
        frames = list_frames(folders[clip_id], clip_id, tree=tree, listing=listing)
        if not frames:
            listing.empty.append(clip_id)
            continue
        clip = Clip(
            id=clip_id,
            split=entry.split,
            label=entry.label,
            path=folders[clip_id],
            frames=frames,
            features={"scene": entry.scene},
        )
        listing.clips.append(clip)
    return listing


def _refuse_missing_scenes(listing: Listing, entries: Mapping[str, Entry], tree: Release) -> None:
    """Raises at once if whole scenes are absent: the extraction is not finished."""
    absent = collections.Counter(entries[clip_id].scene for clip_id in listing.absent)
    listed = collections.Counter(entry.scene for entry in entries.values())
    whole = [scene for scene, clips in absent.items() if clips == listed[scene] >= _LIKELY_PART]
    if whole:
        raise UserError(
            f"{tree.root} is half extracted, {len(listing.absent):,} of {len(entries):,} listed "
            f"clips have no folder (all of {', '.join(whole)}); extract the rest, or build "
            f"without it by --allow_missing{release.why_incomplete(tree)}"
        )
