"""Writes trees shaped like the MAFW release and what people make of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from release_trees.named import Codes

LAYOUTS = {  # folder of a clip, its frames' names, the first number, folder of the lists
    "release": ("data/frames/{id}", "{:04d}.png", 0, "Train & Test Set/{set}/no_caption"),
    "doubled": ("data/frames/frames/{id}", "{:04d}.png", 0, "split/{set}/no_caption"),
    "own_crops": (
        "data/frames/frames_crop_align_224/{id}", "{:05d}.jpg", 1, "anno/{set}/no_caption",
    ),
    "faces": ("data/faces/{id}", "{:d}.jpg", 1, "labels/{set}"),
    "unpadded": ("clips_faces/{id}", "{:d}.jpg", 0, "{set}"),
    "bare": ("{id}", "{:04d}.png", 0, "{set}/no_caption"),
}  # fmt: skip
VIDEOS = {"clips": "data/clips/{id}.mp4", "unzip": "data/clips/unzip/{id}.mp4"}

codes = Codes([f"{clip:05d}" for clip in range(1, 16384)])  # of the ids up to 20098 that fit


@dataclass(frozen=True)
class Clip:
    """A clip as the lists have it; no compound label: it is not in the compound set."""

    number: int
    frames: int
    label: str
    fold: int
    compound: str = ""
    compound_fold: int = 0

    @property
    def id(self) -> str:
        return f"{self.number:05d}"


def folder(root: Path, clip: Clip, *, layout: str = "release") -> Path:
    """Returns where a layout keeps the frames of a clip."""
    return root / LAYOUTS[layout][0].format(id=clip.id)


def video(root: Path, clip: Clip, *, layout: str = "clips") -> Path:
    """Returns where a layout keeps the video of a clip."""
    return root / VIDEOS[layout].format(id=clip.id)


def list_path(
    root: Path, fold: int, split: str, *, which: str = "single", layout: str = "release"
) -> Path:
    """Returns where a layout keeps a list."""
    return root / LAYOUTS[layout][3].format(set=which) / f"set_{fold}" / f"{split}.txt"


def write_clips(root: Path, clips: Iterable[Clip], *, layout: str = "release") -> None:
    """Writes the clips as folders of frames, or as videos in a layout of those."""
    for clip in clips:
        if layout in VIDEOS:
            codes.write_video(video(root, clip, layout=layout), clip.id, frames=clip.frames)
            continue
        home = folder(root, clip, layout=layout)
        _, form, first, _ = LAYOUTS[layout]
        codes.write_frames(home, clip.id, frames=clip.frames, form=form, first=first)


def write_lists(
    root: Path,
    clips: Iterable[Clip],
    *,
    layout: str = "release",
    sets: Iterable[str] = ("single", "compound"),
) -> None:
    """Writes the lists of both sets, with line ends of Windows."""
    clips = sorted(clips, key=lambda clip: clip.number)
    for which in sets:
        rows = [(c.number, c.label, c.fold) for c in clips]
        if which == "compound":
            rows = [(c.number, c.compound, c.compound_fold) for c in clips if c.compound]
        for fold in range(1, 6):
            for split in ("train", "test"):
                path = list_path(root, fold, split, which=which, layout=layout)
                path.parent.mkdir(parents=True, exist_ok=True)
                of = [row for row in rows if (row[2] == fold) == (split == "test")]
                text = "".join(f"{number:05d}.mp4 {label}\r\n" for number, label, _ in of)
                path.write_bytes(text.encode())
