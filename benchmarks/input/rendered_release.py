"""Clips of rendered faces laid out as the DFEW release, at the sizes and file sizes of real crops.

Rendered faces (112 pixels) are enlarged and given film grain, so that a frame of 224 x 224 takes
about 15 kB at JPEG quality 95, OpenCV's own, as crops of real faces do.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from tfds_builders.synthetic_dfer import clips

FOLDS = 5
_PEOPLE = 4  # rendering takes longest: clips of one person differ by their grain
_GRAINS = 12
_GRAIN_STRENGTH = 2.0  # standard deviation in levels
_QUALITY = 95


def jpeg_clips(
    *, count: int, frames: int, side: int, people: int = _PEOPLE
) -> Iterator[list[bytes]]:
    """Yields clips of JPEG frames, the same ones at every call.

    Args:
        count: number of clips.
        frames: of each clip.
        side: of the square frames in pixels.
        people: whom the clips show in turn.
    """
    rng = np.random.default_rng(0)
    grains = [_grain(rng, side) for _ in range(_GRAINS)]
    shown = [_rendered(person, frames, side) for person in range(min(people, count))]
    for number in range(count):
        pictures = shown[number % len(shown)]
        yield [_jpeg(picture, grains[rng.integers(_GRAINS)]) for picture in pictures]


def write_release(folder: Path, *, count: int, frames: int, side: int) -> list[Path]:
    """Writes clips and test lists as the `clip_224x224` form has them; returns the clip folders.

    Clip n (from 1) has label (n - 1) % 7 + 1 and is tested in fold (n - 1) % 5 + 1.
    """
    folders = []
    for number, clip in enumerate(jpeg_clips(count=count, frames=frames, side=side), start=1):
        place = folder / "Clip" / "clip_224x224" / f"{number:05d}"
        place.mkdir(parents=True)
        for i, data in enumerate(clip, start=1):
            (place / f"{number:05d}_{i:05d}.jpg").write_bytes(data)
        folders.append(place)
    lists = folder / "EmoLabel_DataSplit" / "test(single-labeled)"
    lists.mkdir(parents=True)
    for fold in range(FOLDS):
        with open(lists / f"set_{fold + 1}.csv", "w", newline="", encoding="utf-8") as file:
            rows = [(number + 1, number % 7 + 1) for number in range(fold, count, FOLDS)]
            csv.writer(file).writerows([("video_name", "label"), *rows])
    return folders


def _rendered(person: int, frames: int, side: int) -> list[np.ndarray]:
    """Returns float32 BGR pictures of a person."""
    plan = clips.ClipPlan(
        clip_id=f"person_{person}",
        seed_name="rendered_release",
        label=person % 7,
        clean_label=person % 7,
        identity=person,
        frames=frames,
        peak_intensity=0.8,
        nuisance=1.0,
    )
    pictures = [
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        for data in clips.make_clip(plan)["frames"]
    ]
    return [
        cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        for picture in pictures
    ]


def _grain(rng: np.random.Generator, side: int) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), 0.6)
    return _GRAIN_STRENGTH * noise[..., None] / noise.std()


def _jpeg(picture: np.ndarray, grain: np.ndarray) -> bytes:
    grainy: UInt8[np.ndarray, "h w 3"] = (picture + grain).clip(0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
