"""Tests of the DFEW-shaped layout of `benchmarks.proofs.real_faces`."""

import csv

import cv2
import numpy as np
import pytest
from face_videos import face_model, face_pictures
from video_files import write_video

from benchmarks.proofs import real_faces
from dfer_jax.errors import UserError
from dfer_jax.video.faces import FaceTracker


def track(length, start=0):
    """Pictures whose grey level tells their place in time."""
    return [np.full((16, 16, 3), start + 2 * i, np.uint8) for i in range(length)]


def test_clips_are_windows_of_their_stretch():
    clips = real_faces.cut_clips([track(120), track(90), track(30)])
    assert len(clips) == 3 * 3 * 5
    assert [clip.fold for clip in clips] == [1, 2, 3, 4, 5] * 9
    assert [clip.label for clip in clips[::5]] == [1, 2, 3, 4, 5, 6, 7, 1, 2]
    assert all(10 <= len(clip.frames) <= 40 for clip in clips)
    for i, clip in enumerate(clips[:15]):
        times = np.array([frame[0, 0, 0] // 2 for frame in clip.frames])
        assert (np.diff(times) == 1).all() and (times // 40 == i // 5).all()
    assert {len(clip.frames) for clip in clips[-15:]} == {10}


def test_short_track_is_refused():
    with pytest.raises(UserError, match="face track 2 has 29 frames"):
        real_faces.cut_clips([track(30), track(29)])


def test_release_has_dfews_layout(tmp_path):
    clips = real_faces.cut_clips([track(36), track(36, start=100)])
    output = tmp_path / "release"
    real_faces.write_release(clips, str(output))
    folders = sorted((output / "Clip" / "clip_224x224").iterdir())
    assert [folder.name for folder in folders] == [f"{i:05d}" for i in range(1, 31)]
    for folder, clip in zip(folders, clips, strict=True):
        names = [f"{folder.name}_{i:05d}.jpg" for i in range(1, len(clip.frames) + 1)]
        assert sorted(path.name for path in folder.iterdir()) == names
        last = cv2.imread(str(folder / names[-1]))
        np.testing.assert_allclose(last, clip.frames[-1], atol=2)
    tested = []
    for fold in range(1, 6):
        rows = {}
        for split in ("train", "test"):
            path = output / "EmoLabel_DataSplit" / f"{split}(single-labeled)" / f"set_{fold}.csv"
            header, *rows[split] = csv.reader(path.read_text().splitlines())
            assert header == ["video_name", "label"]
        tested += rows["test"]
        labels = {str(i + 1): str(clip.label) for i, clip in enumerate(clips)}
        assert dict(rows["train"] + rows["test"]) == labels
        assert len(rows["train"]) == 24 and len(rows["test"]) == 6
    assert len({name for name, _ in tested}) == 30
    with pytest.raises(UserError, match="exists; remove it"):
        real_faces.write_release(clips, str(output))


def test_faces_are_followed_through_a_video(tmp_path):
    tracker = FaceTracker(face_model())
    path = write_video(tmp_path / "speech.mp4", face_pictures("speech", 12))
    tracks = real_faces.follow_faces(tracker, path)
    assert [track.frames for track in tracks] == [list(range(12))] * 2
    assert {crop.shape for track in tracks for crop in track.crops} == {(224, 224, 3)}
    path.write_text("no video")
    with pytest.raises(UserError, match=r"speech\.mp4: not a video file .*; give another video"):
        real_faces.follow_faces(tracker, path)
