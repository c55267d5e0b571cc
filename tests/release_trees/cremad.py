"""Writes trees shaped like CREMA-D's repository and what people make of it."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from release_trees.named import Codes
from tfds_builders.cremad.names import PUBLISHED, Take

LAYOUTS = {
    "clone": "VideoFlash/{id}.flv",
    "capitals": "VideoFlash/{id}.FLV",
    "converted": "VideoFlash/{id}.mp4",
    "videos": "CREMA-D/videos/{id}.mp4",
    "flat": "{id}.flv",
}
CROPS = "face_aligned/{id}"
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 327656\n"
)
TABLE = "processedResults/summaryTable.csv"

codes = Codes([take.id for take in PUBLISHED])


def path(root: Path, take: Take, *, layout: str = "clone") -> Path:
    """Returns where a layout keeps a clip."""
    return root / LAYOUTS.get(layout, CROPS).format(id=take.id)


def write(root: Path, take: Take, *, layout: str = "clone", frames: int = 3) -> None:
    """Writes a video, or in the layout `crops` a folder of face crops."""
    where = path(root, take, layout=layout)
    if layout == "crops":
        codes.write_frames(where, take.id, frames=frames, form="frame_det_00_{:06d}.jpg")
    else:
        codec = "flv" if where.suffix.lower() == ".flv" else "mpeg4"
        small = where.with_suffix(where.suffix.lower())  # FFmpeg tells the container by it
        codes.write_video(small, take.id, frames=frames, codec=codec)
        small.rename(where)


def write_votes(root: Path, votes: Mapping[str, str]) -> None:
    """Writes the table of votes: of each clip the letters for the face alone, joined by `:`."""
    path = root / TABLE
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = ("FileName", "VoiceVote", "VoiceLevel", "FaceVote", "FaceLevel", "MultiModalVote")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(("", *levels, "MultiModalLevel"))
        for number, (clip_id, vote) in enumerate(votes.items(), 1):
            writer.writerow((str(number), clip_id, "N", 60.5, vote, 61.5, "N", 62.5))


def write_actors(root: Path, actors: Iterable[int]) -> None:
    """Writes the table of the actors' age and sex."""
    rows = [f'"{actor}","{20 + actor % 50}","Female","Unknown","Hispanic"' for actor in actors]
    header = '"ActorID","Age","Sex","Race","Ethnicity"'
    (root / "VideoDemographics.csv").write_text("\n".join([header, *rows]) + "\n")


def takes_of(*actors: int) -> list[Take]:
    """Returns the published clips of actors by name."""
    return sorted((t for t in PUBLISHED if t.actor in actors), key=lambda take: take.id)
