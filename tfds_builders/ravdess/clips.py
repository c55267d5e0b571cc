"""Joins RAVDESS's files to trials: each recording once, whatever it was shipped as."""

import collections
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dfer_jax.errors import UserError, list_some
from dfer_jax.labels import in_class_order
from tfds_builders import actor_folds, archives, named_clips
from tfds_builders.frames import Clip, Listing
from tfds_builders.named_clips import Found
from tfds_builders.ravdess import names
from tfds_builders.ravdess.names import AUDIO_ONLY, CHANNELS, FULL_AV, PUBLISHED, VIDEO_ONLY, Trial
from tfds_builders.single_pass import SinglePass

CONFIGS = {"speech": (1,), "song": (2,), "all": (1, 2)}
"""Vocal channels of each configuration."""

_MAX_FRAMES = 1000  # half a minute; the longest trials last some six seconds
_USUAL_FRAMES = 110
_ACTOR_FOLDER = re.compile(r"(?:.*[ _-])?actor[ _-]?(\d{1,2})(?: ?\(\d+\))?", re.IGNORECASE)
_ARCHIVES = {
    "speech": "Video_Speech_Actor_01.zip .. _24.zip",
    "song": "Video_Song_Actor_01.zip .. _24.zip (there is none of actor 18)",
    "all": "Video_Speech_Actor_*.zip and Video_Song_Actor_*.zip",
}


def class_names(config: str) -> tuple[str, ...]:
    """Returns the classes of a configuration; calm is one of them, and no other name of neutral."""
    return in_class_order({trial.label for trial in _published(config)})


def expected(config: str) -> dict[str, tuple[int, ...]]:
    """Returns the published trials per class of each fold, in the order of `class_names`."""
    classes = class_names(config)
    counts = collections.Counter((trial.split, trial.label) for trial in _published(config))
    return {split: tuple(counts[split, name] for name in classes) for split in names.FOLDS}


def _published(config: str) -> list[Trial]:
    return [trial for trial in PUBLISHED if trial.channel in CONFIGS[config]]


def prepare(manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
    """Finds the trials; no video is opened yet.

    Args:
        manual_dir: the user's folder.
        config: a key of `CONFIGS`.
        allow_missing: folders of frames may be empty.

    Raises:
        UserError: if there is no trial of the configuration, or none of a fold's actors.
    """
    tree = named_clips.walk(manual_dir, identify=names.identify, release="RAVDESS")
    by_trial = _by_trial(tree, named_clips.one_of_each(tree, release="RAVDESS"))
    wanted = {trial: by_trial[trial] for trial in by_trial if trial.channel in CONFIGS[config]}
    wanted = {trial: files for trial, files in wanted.items() if files.keys() - {AUDIO_ONLY}}
    if not wanted:
        raise UserError(_nothing(tree, by_trial, config))
    actors = {trial.actor for trial in wanted}
    actor_folds.refuse_half_folds(names.FOLDS, actors, tree=tree, release="RAVDESS")
    state = SinglePass(
        release=f"RAVDESS ({config})",
        tree=tree,
        listing=Listing(),
        splits=tuple(names.FOLDS),
        classes=class_names(config),
        expected=expected(config),
        warnings=_left_out(by_trial, wanted, tree, config=config),
        facts={"clips_per_actor": _per_actor(wanted), "modalities": _modalities(wanted)},
    )
    clips = [_clip(trial, files) for trial, files in sorted(wanted.items())]
    actor_folds.list_clips(
        clips,
        state,
        max_frames=_MAX_FRAMES,
        usual_frames=_USUAL_FRAMES,
        allow_missing=allow_missing,
    )
    published = _published(config)
    absent = [trial.name(VIDEO_ONLY) for trial in published if trial not in wanted]
    state.warnings += actor_folds.short_actors(
        (trial.actor for trial in wanted), (trial.actor for trial in published)
    )
    state.warnings += actor_folds.remarks(
        tree, absent=absent, published=len(published), release="RAVDESS"
    )
    return state


def _by_trial(tree: Found, paths: Mapping[str, Path]) -> dict[Trial, dict[int, Path]]:
    """Returns the files of each trial by modality; wrong names join `tree.problems`."""
    by_trial: dict[Trial, dict[int, Path]] = {}
    for name, path in paths.items():
        modality, trial, wrong = names.parse(name)
        wrong = wrong or _wrong_folder(path, trial, tree)
        if wrong:
            tree.problems.append(f"{tree.relative(path)}: {wrong}")
        else:
            by_trial.setdefault(trial, {})[modality] = path
    return by_trial


def _wrong_folder(path: Path, trial: Trial, tree: Found) -> str:
    """Returns what is wrong if a folder above names another actor than the file, or ""."""
    for folder in path.relative_to(tree.root).parts[:-1]:
        match = _ACTOR_FOLDER.fullmatch(folder)
        if match and int(match[1]) != trial.actor:
            return f"is of actor {trial.actor:02d} by its name, but lies in {folder}; move it"
    return ""


def _clip(trial: Trial, files: Mapping[int, Path]) -> Clip:
    modality = _modality(files)
    return Clip(
        id=trial.name(modality),
        split=trial.split,
        label=trial.label,
        path=files[modality],
        features={
            "intensity": names.INTENSITIES[trial.intensity - 1],
            "channel": CHANNELS[trial.channel - 1],
            "statement": trial.statement,
            "repetition": trial.repetition,
            "actor": trial.actor,
            "group": f"{trial.actor:02d}",
        },
    )


def _modality(files: Mapping[int, Path]) -> int:
    """The video without sound where it is there, else the one with sound."""
    return VIDEO_ONLY if VIDEO_ONLY in files else FULL_AV


def _modalities(wanted: Mapping[Trial, Mapping[int, Path]]) -> dict[str, int]:
    return dict(collections.Counter(f"{_modality(files):02d}" for files in wanted.values()))


def _per_actor(wanted: Iterable[Trial]) -> dict[str, int]:
    counts = collections.Counter(f"{trial.actor:02d}" for trial in wanted)
    return dict(sorted(counts.items()))


def _left_out(
    by_trial: Mapping[Trial, Mapping[int, Path]],
    wanted: Mapping[Trial, Mapping[int, Path]],
    tree: Found,
    *,
    config: str,
) -> list[str]:
    """Returns warnings on the files of trials that are not built, and what was taken instead."""
    lines = []
    both = sum({FULL_AV, VIDEO_ONLY} <= files.keys() for files in wanted.values())
    if both:
        lines.append(
            f"{both:,} trials are there with sound (01-...) and without (02-...): the same "
            "recording, so the one without sound was taken and the other left out"
        )
    with_sound = [t.name(FULL_AV) for t, files in sorted(wanted.items()) if VIDEO_ONLY not in files]
    if with_sound:
        lines.append(
            f"{len(with_sound):,} trials are there only with sound (01-...), as which they were "
            f"taken:\n{list_some(with_sound)}"
        )
    sounds = len(tree.sounds) + sum(AUDIO_ONLY in files for files in by_trial.values())
    if sounds:
        lines.append(f"{sounds:,} files of sound alone were left out")
    others = [trial for trial in by_trial if trial.channel not in CONFIGS[config]]
    if others:
        channel = CHANNELS[others[0].channel - 1]
        lines.append(
            f"{len(others):,} trials of {channel} are not of this configuration and were left out "
            f"(ravdess/{channel} and ravdess/all have them)"
        )
    return lines


def _nothing(tree: Found, by_trial: Sequence[Trial], config: str) -> str:
    """Returns why there is nothing to build."""
    what = "trials" if config == "all" else f"trials of {config}"
    held, first = named_clips.instead(tree)
    if by_trial:
        others = sorted({CHANNELS[trial.channel - 1] for trial in by_trial} - {config})
        held = f", only {' and '.join(others)}" if others else ", only sound"
    return (
        f"{tree.root} has no videos or frame folders of RAVDESS's {what} (such as "
        f"02-{CONFIGS[config][0]:02d}-06-01-02-01-12.mp4){held}: {first}extract "
        f"{_ARCHIVES[config]} there{archives.why_incomplete(tree.archives, tree)}"
    )
