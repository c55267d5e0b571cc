"""Writes trees shaped like RAVDESS's archives and what people make of them."""

from pathlib import Path

from release_trees.named import Codes
from tfds_builders.ravdess.names import PUBLISHED, Trial

LAYOUTS = {
    "merged": "Actor_{actor}",
    "archives": "Video_{channel}_Actor_{actor}/Actor_{actor}",
    "collected": "Video_{channel}_Actors_01-24/Video_{channel}_Actor_{actor}/Actor_{actor}",
    "doubled": "Actor_{actor}/Actor_{actor}",
    "upper": "ACTOR{actor}",
    "flat": "",
}
CROPS = "face_aligned/Actor_{actor}"

codes = Codes([trial.name(modality) for trial in PUBLISHED for modality in (1, 2, 3)])


def folder(root: Path, trial: Trial, *, layout: str = "archives") -> Path:
    """Returns where a layout keeps a trial's files."""
    channel = ("Speech", "Song")[trial.channel - 1]
    form = LAYOUTS.get(layout, CROPS)
    return root / form.format(actor=f"{trial.actor:02d}", channel=channel)


def path(root: Path, trial: Trial, modality: int = 2, *, layout: str = "archives") -> Path:
    """Returns where a layout keeps the file of a modality."""
    suffix = ".wav" if modality == 3 else ".mp4"
    return folder(root, trial, layout=layout) / f"{trial.name(modality)}{suffix}"


def write(root: Path, trial: Trial, modality: int = 2, *, layout: str = "archives") -> None:
    """Writes a video, or in the layout `crops` a folder of face crops."""
    name = trial.name(modality)
    if layout == "crops":
        home = folder(root, trial, layout=layout) / name
        codes.write_frames(home, name, form="frame_det_00_{:06d}.jpg")
    else:
        codes.write_video(path(root, trial, modality, layout=layout), name)


def trials_of(*actors: int, channels: tuple[int, ...] = (1,)) -> list[Trial]:
    """Returns the published trials of actors, ascending."""
    return sorted(t for t in PUBLISHED if t.actor in actors and t.channel in channels)
