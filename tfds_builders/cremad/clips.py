"""Joins CREMA-D's clips with what was asked of the actor or seen by viewers."""

import collections
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from dfer_jax.errors import UserError, list_some
from dfer_jax.labels import in_class_order
from tfds_builders import actor_folds, archives, named_clips
from tfds_builders.cremad import names, tables
from tfds_builders.cremad.names import BROKEN, PUBLISHED, Take
from tfds_builders.cremad.tables import Actor
from tfds_builders.frames import Clip, Listing
from tfds_builders.named_clips import Found
from tfds_builders.single_pass import SinglePass

REPAIRED = "asked_repaired"
"""Configuration for copies of which the user repaired those that are broken at the source."""
CLASS_NAMES = in_class_order(names.EMOTIONS.values())

_MAX_FRAMES = 1000  # half a minute; sound clips last some three seconds
_USUAL_FRAMES = 80
_SPARSE = re.compile(r"image-?\d*-?fps", re.IGNORECASE)


def expected(broken: Collection[str] = BROKEN) -> dict[str, tuple[int, ...]]:
    """Returns the published clips per class of each fold as asked.

    Args:
        broken: clips that do not count.
    """
    counts = collections.Counter(
        (take.split, take.asked) for take in PUBLISHED if take.id not in broken
    )
    return {split: tuple(counts[split, name] for name in CLASS_NAMES) for split in names.FOLDS}


def prepare(manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
    """Finds the clips and, for `seen`, reads the votes; no video is opened yet.

    Args:
        manual_dir: the user's folder.
        config: `asked`, `asked_repaired` or `seen`.
        allow_missing: folders of frames may be empty.

    Raises:
        UserError: if there is no clip, none of a fold's actors, or no table of votes for `seen`.
    """
    tree = named_clips.walk(
        manual_dir,
        identify=names.identify,
        release="CREMA-D",
        tables=(tables.VOTES, tables.WORKBOOK, tables.ACTORS),
    )
    warnings = _leave_out_sparse(tree)
    tables.refuse_pointers(tree)
    paths = named_clips.one_of_each(tree, release="CREMA-D")
    takes = _takes(tree, paths)
    if not takes:
        raise UserError(_nothing(tree, warnings))
    actor_folds.refuse_half_folds(
        names.FOLDS, {take.actor for take in takes.values()}, tree=tree, release="CREMA-D"
    )
    broken = () if config == REPAIRED else tuple(BROKEN)
    state = SinglePass(
        release=f"CREMA-D ({config})",
        tree=tree,
        listing=Listing(),
        splits=tuple(names.FOLDS),
        classes=CLASS_NAMES,
        expected={} if config == "seen" else expected(broken),
        warnings=warnings,
    )
    labels = {clip_id: take.asked for clip_id, take in takes.items()}
    if config == "seen":
        labels = _seen(takes, state)
    actors = tables.read_actors(tree, warnings=state.warnings)
    clips = [
        _clip(takes[clip_id], labels[clip_id], paths[clip_id], actors)
        for clip_id in takes
        if clip_id in labels and clip_id not in broken
    ]
    actor_folds.list_clips(
        clips,
        state,
        max_frames=_MAX_FRAMES,
        usual_frames=_USUAL_FRAMES,
        allow_missing=allow_missing,
    )
    state.warnings += _remarks(takes, tree, broken)
    return state


def _leave_out_sparse(tree: Found) -> list[str]:
    """Drops folders of one picture per second; returns a warning that counts them."""
    dropped = 0
    for clip_id, paths in list(tree.clips.items()):
        kept = [
            path
            for path in paths
            if not any(_SPARSE.fullmatch(part) for part in path.relative_to(tree.root).parts)
        ]
        dropped += len(paths) - len(kept)
        tree.clips[clip_id] = kept
        if not kept:
            del tree.clips[clip_id]
    said = f"{dropped:,} clips are folders of one picture per second (Image-01-FPS), left out"
    return [said] * bool(dropped)


def _takes(tree: Found, paths: Mapping[str, Path]) -> dict[str, Take]:
    """Returns what each name says, by clip id; wrong names join `tree.problems`."""
    takes = {}
    for clip_id, path in paths.items():
        take, wrong = names.parse(clip_id)
        if wrong:
            tree.problems.append(f"{tree.relative(path)}: {wrong}")
        else:
            takes[clip_id] = take
    return takes


def _seen(takes: Mapping[str, Take], state: SinglePass) -> dict[str, str]:
    """Returns the class that viewers saw in each clip; ties are left out and told."""
    votes = tables.read_votes(state.tree)
    state.tables = (tables.votes_line(votes),)
    lacking = [clip_id for clip_id in takes if clip_id not in votes]
    if lacking:
        state.tree.problems.append(
            f"no row names {len(lacking):,} of the clips in summaryTable.csv ({lacking[0]}, ...): "
            "take the table from the release again"
        )
    ties = [clip_id for clip_id in takes if clip_id in votes and votes[clip_id] is None]
    if ties:
        state.warnings.append(
            f"{len(ties):,} clips have no majority of viewers and were left out:\n{list_some(ties)}"
        )
    return {clip_id: votes[clip_id] for clip_id in takes if votes.get(clip_id)}


def _clip(take: Take, label: str, path: Path, actors: Mapping[int, Actor]) -> Clip:
    actor = actors.get(take.actor, Actor())
    return Clip(
        id=take.id,
        split=take.split,
        label=label,
        path=path,
        features={
            "intensity": take.intensity,
            "sentence": take.sentence,
            "actor": take.actor,
            "group": str(take.actor),
            "age": actor.age,
            "sex": actor.sex,
        },
    )


def _remarks(takes: Mapping[str, Take], tree: Found, broken: Collection[str]) -> list[str]:
    """Returns warnings on the broken four, on actors who lack clips, and on what is not there."""
    bad = [f"{clip_id}: {BROKEN[clip_id]}" for clip_id in takes if clip_id in BROKEN]
    done = "were left out" if broken else "are built as found; see that they were repaired"
    lines = [f"{len(bad)} clips are broken at the source and {done}:\n{list_some(bad)}"] * bool(bad)
    absent = [take.id for take in PUBLISHED if take.id not in takes and take.id not in broken]
    lines += actor_folds.short_actors(
        (take.actor for take in takes.values() if take.id not in broken),
        (take.actor for take in PUBLISHED if take.id not in broken),
    )
    published = len(PUBLISHED) - len(broken)
    return lines + actor_folds.remarks(tree, absent=absent, published=published, release="CREMA-D")


def _nothing(tree: Found, warnings: list[str]) -> str:
    """Returns why there is nothing to build."""
    held, first = named_clips.instead(tree)
    held = f", only {warnings[0]}" if warnings else held
    return (
        f"{tree.root} has no videos or frame folders of CREMA-D (such as 1001_DFA_ANG_XX.flv)"
        f"{held}: {first}put VideoFlash of the release there"
        f"{archives.why_incomplete(tree.archives, tree)}"
    )
