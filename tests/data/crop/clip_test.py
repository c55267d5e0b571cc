import csv
import json

import numpy as np
import pytest
import simplejpeg
from face_videos import face_model, face_pictures
from video_files import picture, write_video

from dfer_jax.data.crop.clip import crop_video
from dfer_jax.data.crop.plan import Video
from dfer_jax.data.crop.record import Outcome, done_before, of_others, path_of
from dfer_jax.runtime.file_facts import state_of
from dfer_jax.video.decode import read_frames
from dfer_jax.video.faces import CropSettings, FaceTracker, crop_face

SMALL = CropSettings(size=64)


@pytest.fixture
def video(tmp_path):
    """Twelve frames of a man; grey from the fifth to the seventh."""
    frames = face_pictures("carphone", 12)
    for index in (4, 5, 6):
        frames[index] = np.full_like(frames[index], 128)
    even = [frame[:, :192] for frame in frames]
    return Video("a/man", write_video(tmp_path / "man.mp4", even))


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_of_frames_are_kept(tmp_path, video):
    out = tmp_path / "out"
    outcome = crop_video(video, out, SMALL, FaceTracker(face_model()))
    names = [path.name for path in sorted((out / "a/man").iterdir())]
    assert names == [f"{number:06d}.jpg" for number in (1, 2, 3, 4, 8, 9, 10, 11, 12)]
    assert (outcome.frames, outcome.cropped, outcome.longest_gap) == (12, 9, 3)
    assert (outcome.face, outcome.faces, outcome.error) == (0, 1, "")
    table = rows(out / "_faces/a/man.csv")
    assert [int(row["frame"]) for row in table] == list(range(1, 13))
    assert [row["face"] == "" for row in table] == [4 <= index <= 6 for index in range(12)]
    assert float(table[-1]["seconds"]) == pytest.approx(11 / 25, abs=1e-3)
    assert done_before(out, video) == outcome
    assert not list(out.glob(".unfinished/*")), "something is left"


def test_crops_are_those_of_crop_face(tmp_path, video):
    crop_video(video, tmp_path / "out", SMALL, FaceTracker(face_model()))
    tracker = FaceTracker(face_model())
    for frame in read_frames(video.path):
        for face in tracker(frame.picture):
            written = tmp_path / "out" / "a" / "man" / f"{frame.index + 1:06d}.jpg"
            expected = crop_face(frame.picture, face.landmarks, SMALL)
            found = simplejpeg.decode_jpeg(written.read_bytes())
            assert found.shape == (64, 64, 3)
            assert np.abs(found.astype(int) - expected).mean() < 4


def test_another_face_after_another_video(tmp_path, video):
    tracker = FaceTracker(face_model())
    for name in ("first", "second"):
        outcome = crop_video(Video(name, video.path), tmp_path / "out", SMALL, tracker)
        assert outcome.face in range(outcome.faces), "numbers of a video begin at 0"
    assert {row["face"] for row in rows(tmp_path / "out/_faces/second.csv")} <= {"", "0", "1"}
    assert of_others(tmp_path / "out", ["first"]) == ["second"]


def test_nobody(tmp_path):
    path = write_video(tmp_path / "a.mp4", [picture(1)] * 3)
    outcome = crop_video(Video("a", path), tmp_path / "out", SMALL, FaceTracker(face_model()))
    assert outcome == Outcome("a", 3, 0.08, 0, 0, -1)
    assert not (tmp_path / "out" / "a").exists() and len(rows(tmp_path / "out/_faces/a.csv")) == 3


def test_a_damaged_video_leaves_nothing(tmp_path, video):
    data = video.path.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: len(data) // 2])
    outcome = crop_video(Video("cut", path), tmp_path / "out", SMALL, FaceTracker(face_model()))
    assert outcome.error.startswith("an MP4 file without an index")
    assert [p.name for p in (tmp_path / "out").rglob("*") if p.is_file()] == []
    assert done_before(tmp_path / "out", Video("cut", path)) is None


def test_stopped_in_the_middle(tmp_path, video):
    asked = iter([False] * 5 + [True] * 20)
    tracker = FaceTracker(face_model())
    out = tmp_path / "out"
    assert crop_video(video, out, SMALL, tracker, stopped=lambda: next(asked)) is None
    assert [p.name for p in out.rglob("*") if p.is_file()] == []


def _grey(path):
    return write_video(path, [np.full((64, 64, 3), 128, np.uint8)] * 4)


@pytest.mark.parametrize(
    ("change", "frames", "done"),
    [
        (lambda video, crops: video.touch(), 9, True),
        (lambda video, crops: _grey(video), 0, False),
        (lambda video, crops: (crops / "000002.jpg").unlink(), 9, False),
        (lambda video, crops: (crops / "000002.jpg").write_bytes(b""), 9, False),
    ],
    ids=["copied", "another one of the name", "a crop missing", "a crop lost with the power"],
)
def test_crops_of_what_changed_are_made_anew(tmp_path, video, change, frames, done):
    out, tracker = tmp_path / "out", FaceTracker(face_model())
    first = crop_video(video, out, SMALL, tracker)
    kept = json.loads(path_of(out, "a/man").read_text())["video"]["state"]
    change(video.path, out / "a/man")
    assert done_before(out, video) == (first if done else None)
    assert json.loads(path_of(out, "a/man").read_text())["video"]["state"] == (
        [*state_of(video.path)] if done else kept
    )
    again = crop_video(video, out, SMALL, tracker)
    assert again.cropped == frames == len(list((out / "a").rglob("*.jpg")))
    assert done_before(out, video) == again


def test_of_a_video_that_is_damaged_now_nothing_stays(tmp_path, video):
    out = tmp_path / "out"
    crop_video(video, out, SMALL, FaceTracker(face_model()))
    video.path.write_bytes(video.path.read_bytes()[:5000])
    assert crop_video(video, out, SMALL, FaceTracker(face_model())).error
    assert [p.name for p in out.rglob("*") if p.is_file()] == []
