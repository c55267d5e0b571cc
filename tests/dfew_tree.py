"""Writes trees shaped like the DFEW release, every frame carrying its clip id and frame number.

The number of a frame is written in its pixels: 24 blocks of 8x8, black or white, which JPEG keeps
exactly; 14 bits of clip id, then 10 bits of frame number. In videos the blocks are 16x16 at least,
those of their coding, and keep being told apart when the picture is shrunk.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import openpyxl

LAYOUTS = ("release", "flat", "doubled", "clip_clip", "separate_roots", "drive", "bare")
_BITS, _COLUMNS, _BLOCK = 24, 6, 8
_VIDEO_BLOCK = 16


@dataclass(frozen=True)
class Clip:
    id: int
    frames: int
    label: int
    fold: int


def encode(
    clip: int, frame: int, *, suffix: str = ".jpg", background: np.ndarray | None = None
) -> bytes:
    """Returns an encoded image that says which frame it is, 32x48 or in a background's corner."""
    image = _code(clip, frame, block=_BLOCK)
    if background is not None:
        code, image = image[..., None], background.copy()
        image[: code.shape[0], : code.shape[1]] = code
    return cv2.imencode(suffix, image)[1].tobytes()


def _code(clip: int, frame: int, *, block: int) -> np.ndarray:
    """Returns the number of a frame as black and white blocks [4 * block, 6 * block]."""
    bits = (clip << 10 | frame) >> np.arange(_BITS)[::-1] & 1
    blocks = (bits * 255).astype(np.uint8).reshape(-1, _COLUMNS)
    return np.repeat(np.repeat(blocks, block, 0), block, 1)


def decode(image: np.ndarray, *, block: int = _BLOCK) -> tuple[int, int]:
    """Returns (clip id, frame number) of decoded pixels [h, w] or [h, w, 3]."""
    grey = image.reshape(*image.shape[:2], -1).mean(-1)
    grey = grey[: _BITS // _COLUMNS * block, : _COLUMNS * block]  # without the background
    blocks = grey[block // 2 :: block, block // 2 :: block].ravel() > 127
    code = int("".join("1" if bit else "0" for bit in blocks), 2)
    return code >> 10, code & 1023


def clip_folder(root: Path, clip: int, *, layout: str = "release", form: str = "full") -> Path:
    """Returns where a layout keeps a clip."""
    top = {"full": "clip_224x224", "f16": "clip_224x224_16f"}[form]
    part_number = (clip - 1) // 1600 + 1
    part = f"{top}_part_{part_number}"
    whole = {
        "release": f"Clip/{top}/{part}",
        "flat": f"Clip/{top}",
        "doubled": f"Clip/{top}/{top}",
        "clip_clip": f"Clip/Clip/{top}",
        "separate_roots": f"{part}/{part}",
        "drive": f"DFEW-part{1 if part_number < 6 else 2}/DFEW/Clip/{top}/{top}/{part}",
        "bare": "",
    }[layout]
    return root / whole / f"{clip:05d}"


def list_folder(root: Path, split: str, *, layout: str = "release") -> Path:
    """Returns where a layout keeps the lists of a split ("train" or "test")."""
    underscore, hyphen = f"{split}(single_labeled)", f"{split}(single-labeled)"
    return (
        root
        / {
            "release": f"EmoLabel_DataSplit/{underscore}",
            "flat": f"EmoLabel_DataSplit/{hyphen}",
            "doubled": f"EmoLabel_DataSplit/{underscore}/{underscore}",
            "clip_clip": hyphen,
            "separate_roots": f"{underscore}/{hyphen}",
            "drive": f"DFEW-part2/DFEW/EmoLabel_DataSplit-2020/EmoLabel_DataSplit/{underscore}",
            "bare": underscore,
        }[layout]
    )


def frame_name(clip: int, frame: int, *, form: str = "full", suffix: str = ".jpg") -> str:
    return f"{frame}{suffix}" if form == "f16" else f"{clip:05d}_{frame:05d}{suffix}"


def write_frames(
    folder: Path,
    clip: int,
    frames: int,
    *,
    form: str = "full",
    background: np.ndarray | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(1, frames + 1):
        data = encode(clip, frame, background=background)
        (folder / frame_name(clip, frame, form=form)).write_bytes(data)


def decode_video_frame(image: np.ndarray) -> tuple[int, int]:
    """Returns (clip id, frame number) of a frame of `write_video`, shrunk or not."""
    return decode(image, block=image.shape[1] // _COLUMNS)


def write_video(
    path: Path,
    clip: int,
    frames: int,
    *,
    codec: str = "mpeg4",
    block: int = _VIDEO_BLOCK,
    fps: int = 25,
    options: Mapping[str, str] | None = None,
) -> None:
    """Writes a video whose frames say which they are, 4 * block x 6 * block pixels.

    Args:
        path: its suffix names the container.
        clip: id.
        frames: how many.
        codec: FFmpeg's name of the encoder.
        block: pixels a side of a block.
        fps: frames per second.
        options: of the container, as `movflags`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=dict(options or {})) as container:
        stream = container.add_stream(codec, rate=fps, pix_fmt="yuv420p", bit_rate=4_000_000)
        stream.width, stream.height = _COLUMNS * block, _BITS // _COLUMNS * block
        stream.codec_context.thread_count = 1
        for number in range(1, frames + 1):
            frame = av.VideoFrame.from_ndarray(_code(clip, number, block=block), format="gray")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def video_path(root: Path, clip: int, *, layout: str = "release") -> Path:
    """Returns where a layout keeps a clip of the original form; its name is not padded."""
    first = min((clip - 1) // 4800 * 3 + 1, 10)
    parts = f"data_part_{'-'.join(map(str, range(first, min(first + 3, 12))))}"
    whole = {
        "release": f"Clip/original/{parts}",
        "flat": "Clip/original",
        "doubled": f"Clip/original/{parts}/{parts}",
        "clip_clip": "Clip/Clip/original",
        "separate_roots": parts,
        "drive": f"DFEW-part{1 if first < 7 else 2}/DFEW/Clip/original/{parts}",
        "bare": "",
    }[layout]
    return root / whole / f"{clip}.mp4"


VOTE_COLUMNS = (
    "1happy", "2sad", "3neutral", "4angry", "5surprise", "6disgust", "7fear", "order", "label",
)  # fmt: skip


def votes_of(clip: int, label: int) -> list[int]:
    """Returns ten votes that say which clip they are for: most, or all, are for its label."""
    votes = [0] * 7
    votes[label - 1] = 10
    for step, digit in enumerate((clip % 3, clip // 3 % 2, clip // 6 % 2), 1):
        votes[label - 1] -= digit
        votes[(label - 1 + step) % 7] += digit
    return votes


def vote_row(clip: Clip) -> list[int]:
    return [*votes_of(clip.id, clip.label), clip.id, clip.label]


def write_votes(path: Path, rows: Iterable[Sequence], *, header: Sequence = VOTE_COLUMNS) -> None:
    """Writes a sheet of votes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet()
    for row in (header, *rows):
        sheet.append(row)
    workbook.save(path)


def write_lists(root: Path, clips: Iterable[Clip], *, layout: str = "release") -> None:
    """Writes the ten lists: test lists by fold, training lists the union of the others."""
    clips = list(clips)
    for split in ("train", "test"):
        folder = list_folder(root, split, layout=layout)
        folder.mkdir(parents=True, exist_ok=True)
        for fold in range(1, 6):
            rows = [clip for clip in clips if (clip.fold == fold) == (split == "test")]
            with open(folder / f"set_{fold}.csv", "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(("video_name", "label"))
                writer.writerows((clip.id, clip.label) for clip in rows)


def write_noise(folder: Path) -> None:
    """Adds what operating systems leave behind."""
    (folder / ".DS_Store").write_bytes(b"\0Bud1")
    (folder / "._00001_00001.jpg").write_bytes(b"\0\5\x16\7")
    (folder / "Thumbs.db").write_bytes(b"x")


def write_tree(
    root: Path,
    clips: Iterable[Clip],
    *,
    layout: str = "release",
    form: str = "full",
    background: np.ndarray | None = None,
) -> None:
    """Writes clips, lists and operating-system noise in a layout; 16 frames a clip in form f16."""
    clips = list(clips)
    for clip in clips:
        if form == "original":
            write_video(video_path(root, clip.id, layout=layout), clip.id, clip.frames)
            continue
        folder = clip_folder(root, clip.id, layout=layout, form=form)
        frames = 16 if form == "f16" else clip.frames
        write_frames(folder, clip.id, frames, form=form, background=background)
    noisy = root if form == "original" else clip_folder(root, clips[0].id, layout=layout, form=form)
    write_noise(noisy)
    junk = root / "__MACOSX" / "Clip" / f"{clips[0].id:05d}"
    junk.mkdir(parents=True)
    write_noise(junk)
    write_lists(root, clips, layout=layout)
