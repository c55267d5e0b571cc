"""Writes trees shaped like the FERV39k release, every frame carrying its clip and frame number.

The pixels are those of `dfew_tree`, 24 bits: 8 of scene and class, 10 of the clip's number, 6 of
the frame's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dfew_tree
import numpy as np

from tfds_builders.ferv39k.scenes import SCENES, WORDS

LAYOUTS = ("release", "misspelt", "drive", "parts", "nested", "bare")
FULL_SCENE = "3_ClipsforScenImages"
VIDEOS = "0_7_LabelClips"


@dataclass(frozen=True)
class Clip:
    scene: str
    word: str
    number: int
    frames: int
    split: str

    @property
    def id(self) -> str:
        return f"{self.scene}/{self.word}/{self.number:04d}"

    @property
    def row(self) -> str:
        return f"{self.id} {self.word}"


def encode(clip: Clip, frame: int, *, background: np.ndarray | None = None) -> bytes:
    """Returns a JPEG that says which frame it is, 32x48 or in a background's corner."""
    place = SCENES.index(clip.scene) * len(WORDS) + WORDS.index(clip.word)
    code = (place << 10 | clip.number) << 6 | frame
    return dfew_tree.encode(code >> 10, code & 1023, background=background)


def decode(image: np.ndarray) -> tuple[str, int]:
    """Returns (clip id, frame number) of decoded pixels [h, w] or [h, w, 3]."""
    high, low = dfew_tree.decode(image)
    code, frame = divmod(high << 10 | low, 64)
    scene, word = divmod(code >> 10, len(WORDS))
    return f"{SCENES[scene]}/{WORDS[word]}/{code & 1023:04d}", frame


def home(root: Path, scene: str, *, layout: str = "release") -> Path:
    """Returns the folder in which a layout keeps a scene."""
    crops = "2_ClipsforFaceCrop"
    part = 1 + SCENES.index(scene) % 2
    return (
        root
        / {
            "release": crops,
            "misspelt": "2_ClipforFaceCrop",
            "drive": f"{crops}-002/{crops}",
            "parts": f"{crops}-00{part}/{crops}",
            "nested": f"FERV39k/Image/CropFace/{crops}",
            "bare": "",
        }[layout]
    )


def clip_folder(root: Path, clip: Clip, *, layout: str = "release") -> Path:
    """Returns where a layout keeps a clip."""
    return home(root, clip.scene, layout=layout) / clip.id


def list_path(root: Path, split: str, *, layout: str = "release") -> Path:
    """Returns where a layout keeps the list of a split."""
    folder = {
        "drive": "drive-download-20230101T000000Z-001/4_setups/All_scenes",
        "nested": "FERV39k/EmoLabel/EmoLabel",
        "bare": "",
    }.get(layout, "4_setups/All_scenes")
    return root / folder / f"{split}_All.csv"


def write_frames(
    folder: Path,
    clip: Clip,
    *,
    name: str = "{:02d}.jpg",
    first: int = 0,
    background: np.ndarray | None = None,
) -> None:
    """Writes a clip's frames, named by their number, of which `first` is the lowest."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(clip.frames):
        data = encode(clip, frame, background=background)
        (folder / name.format(first + frame)).write_bytes(data)


def write_lists(root: Path, clips: Iterable[Clip], *, layout: str = "release") -> None:
    """Writes both lists, without header, with a newline at the end."""
    clips = list(clips)
    for split in ("train", "test"):
        path = list_path(root, split, layout=layout)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{clip.row}\n" for clip in clips if clip.split == split))


def write_other_forms(root: Path, clips: Iterable[Clip]) -> None:
    """Adds the release's full-scene frames, which show no number, and its videos, empty here."""
    for clip in clips:
        (root / FULL_SCENE / clip.id).mkdir(parents=True)
        for frame in range(clip.frames):
            (root / FULL_SCENE / clip.id / f"{frame:02d}.jpg").write_bytes(b"\xff\xd8\xff")
        video = root / VIDEOS / f"{clip.id}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"")


def write_tree(
    root: Path,
    clips: Iterable[Clip],
    *,
    layout: str = "release",
    name: str = "{:02d}.jpg",
    first: int = 0,
    background: np.ndarray | None = None,
) -> None:
    """Writes clips, lists and operating-system noise in a layout."""
    clips = list(clips)
    for clip in clips:
        folder = clip_folder(root, clip, layout=layout)
        write_frames(folder, clip, name=name, first=first, background=background)
    dfew_tree.write_noise(clip_folder(root, clips[0], layout=layout))
    junk = root / "__MACOSX" / clips[0].id
    junk.mkdir(parents=True)
    dfew_tree.write_noise(junk)
    write_lists(root, clips, layout=layout)
