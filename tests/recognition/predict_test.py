"""`dfer predict`: what is written of videos, frames and stills, and of all that goes wrong."""

import csv
import errno
import html.parser
import json
import os
import signal
import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest
import saved_weights
import video_files

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.recognition import camera, predict, sources
from dfer_jax.recognition.faces import Finder
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.rows import NO_FACE, columns
from dfer_jax.recognition.windows import Face
from dfer_jax.recognition.written import results
from dfer_jax.video.container import VideoError
from dfer_jax.video.faces import CropSettings
from dfer_jax.video.faces.settings_file import write_settings


@pytest.fixture(scope="module")
def recognizer(clip_weights):
    return Recognizer.load(clip_weights)


def pictures(count):
    return [video_files.picture(k % 40) for k in range(count)]


def look(path, out, recognizer, **options):
    """Predicts one video of face crops; returns what ended it early."""
    options = predict.Options(out=out, is_cropped=True, **options)
    [(source, stem)] = results.stems(sources.find_sources(path, fps=options.fps), out)
    return predict.predict(source, stem, recognizer, options)


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_video_gets_table_summary_page_and_overlay(tmp_path, recognizer, capsys):
    video = video_files.write_video(tmp_path / "a talk #1.mp4", pictures(100))
    out = tmp_path / "out"
    out.mkdir()
    fault = look(video, out, recognizer, window="1s", stride="0.5s", overlay=True)
    assert fault is None and "100 frames" in capsys.readouterr().out
    rows = table(out / "a talk #1.csv")
    assert list(rows[0]) == columns(CLASSES) and {r["video"] for r in rows} == {video.name}
    assert [float(r["start_s"]) for r in rows] == pytest.approx([0, 0.52, 1, 1.52, 2, 2.52, 3])
    assert int(rows[-1]["last_frame"]) == 99 and float(rows[-1]["end_s"]) == pytest.approx(4)
    for row in rows:
        shares = {name: float(row[name]) for name in CLASSES}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert row["label"] == max(shares, key=shares.get) and row["faces_found"] == "25"
        assert 0 <= float(row["intensity"]) <= 1 and row["size_px"] == ""
    about = json.loads((out / "a talk #1.json").read_text())
    assert about["complete"] and about["frames"] == 100 and about["rows"] == len(rows)
    assert about["faces"][0]["face"] == 0 and about["weights"][0]["model"]["name"] == "vgg11_lstm"
    page = (out / "a talk #1.html").read_text()
    assert "../a%20talk%20%231.mp4" in page and "http://" not in page and "https://" not in page
    html.parser.HTMLParser().feed(page)
    with av.open(str(out / "a talk #1.overlay.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(100) / 25, atol=1e-3)


def test_memory_of_the_past_does_not_change_rows_at_a_varying_rate(tmp_path, recognizer):
    times = [*range(0, 50, 2), *range(50, 100)]  # 12.5, then 25 frames a second
    video = video_files.write_video(tmp_path / "v.mkv", pictures(75), times=times)
    look(video, tmp_path, recognizer, window="1s", stride="1s")
    rows = table(tmp_path / "v.csv")
    assert [float(r["start_s"]) for r in rows] == pytest.approx([0, 1.04, 2.04, 3], abs=0.05)
    assert [int(r["faces_found"]) for r in rows][:3] == [13, 13, 25]


def test_crops_that_the_weights_do_not_know_are_warned_of(tmp_path, caplog):
    known, other = CropSettings(), CropSettings(112, 0.0, "arcface")
    weights = saved_weights.of_clips(tmp_path / "weights", crop=known.to_json())
    video = video_files.write_video(tmp_path / "v.mp4", pictures(2))
    for settings in (known, other):
        write_settings(tmp_path, settings)
        look(video, tmp_path, Recognizer.load(weights))
        assert ("cut out otherwise" in caplog.text) is (settings is other)


def test_a_folder_stands_for_all_that_is_below_it(tmp_path, recognizer):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    video_files.write_video(tmp_path / "in" / "same.mp4", pictures(3))
    video_files.write_video(tmp_path / "in" / "deep" / "same.mp4", pictures(2))
    picture = cv2.imencode(".png", video_files.picture(1))[1].tobytes()
    (tmp_path / "in" / "2.png").write_bytes(picture)
    (tmp_path / "in" / ".git").mkdir()
    for name in ("notes.txt", ".hidden", ".git/index", "deep/talk.mp4.part"):
        (tmp_path / "in" / name).write_text("")
    assert sources.passed_over(tmp_path / "in") == {".txt": 1, ".part": 1}
    found = sources.find_sources(tmp_path / "in", fps=25.0)
    stems = [stem.name for _, stem in results.stems(found, tmp_path)]
    assert stems == ["in", "same", "same_2"], "beside videos, images are a clip of their own"
    with pytest.raises(UserError, match="holds 3 videos or folders of frames; give one"):
        next(recognizer.video(tmp_path / "in", is_cropped=True))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds neither videos nor JPEG or PNG"):
        sources.find_sources(tmp_path / "empty", fps=25.0)


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_videos_have_one_row(tmp_path, recognizer, frames):
    video = video_files.write_video(tmp_path / "v.mp4", pictures(frames))
    assert look(video, tmp_path, recognizer) is None
    [row] = table(tmp_path / "v.csv")
    assert int(row["faces_found"]) == frames


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no video at all, only words\n" * 40, "not a video file"), (b"", "the file is empty")],
    ids=["text", "nothing"],
)
def test_what_is_no_video_leaves_valid_files_that_say_so(tmp_path, recognizer, content, message):
    (tmp_path / "v.mp4").write_bytes(content)
    fault = look(tmp_path / "v.mp4", tmp_path, recognizer)
    assert isinstance(fault, VideoError) and message in str(fault)
    about = json.loads((tmp_path / "v.json").read_text())
    assert not about["complete"] and message in about["fault"] and about["frames"] == 0
    assert not (tmp_path / "v.html").exists()
    assert table(tmp_path / "v.csv") == []


def test_a_cut_video_keeps_what_came_before(tmp_path, recognizer):
    whole = video_files.write_video(
        tmp_path / "w.mp4", pictures(200), options={"movflags": "faststart"}
    ).read_bytes()
    (tmp_path / "v.mp4").write_bytes(whole[: int(0.7 * len(whole))])
    fault = look(tmp_path / "v.mp4", tmp_path, recognizer, overlay=True)
    rows = table(tmp_path / "v.csv")
    about = json.loads((tmp_path / "v.json").read_text())
    assert fault and 0 < about["frames"] < 200 and not about["complete"]
    assert int(rows[-1]["last_frame"]) == about["frames"] - 1
    assert (tmp_path / "v.html").exists() and (tmp_path / "v.overlay.mp4").exists()


class FromTheThirteenth(Finder):
    def __init__(self, cut):
        self._face = Face(3, (1.0, 2.0, 30.0, 40.0), {cut: np.full((32, 32, 3), 90, np.uint8)})

    def __call__(self, pictures):
        for index, seconds, _ in pictures:
            yield index, seconds, [self._face] if index >= 13 else []


def test_frames_without_a_face_have_rows_that_say_so(tmp_path, recognizer):
    stream = ((k, k / 25, video_files.picture(k)) for k in range(40))
    finder = FromTheThirteenth(recognizer.weights.cuts[0])
    rows = recognizer.rows(stream, finder, window="0.4s", stride="4")
    with results.write_results(
        rows, tmp_path / "v", video="v", classes=CLASSES, about=lambda: {"video": "v"}
    ) as written:
        assert [row.face for row in written.rows][:2] == [None, 3]
    first, *faces = table(tmp_path / "v.csv")
    assert (first["face"], first["label"], first["faces_found"]) == ("", NO_FACE, "0")
    assert (first["first_frame"], first["last_frame"], first["x"]) == ("0", "12", "")
    assert {row["face"] for row in faces} == {"3"} and faces[0]["first_frame"] == "13"
    assert written.summary["frames_without_face"] == 13 and written.summary["frames"] == 40


def test_of_two_that_write_results_of_one_name_one_proceeds(tmp_path):
    options = {"video": "v", "classes": CLASSES, "about": dict}
    with results.write_results([], tmp_path / "v", **options):
        message = f"^another process is writing {tmp_path}/v; wait until it ends, or choose"
        with (
            pytest.raises(UserError, match=message),
            results.write_results([], tmp_path / "v", **options),
        ):
            pass
        with results.write_results([], tmp_path / "w", **options):
            pass
    assert sorted(os.listdir(tmp_path)) == ["v.csv", "v.json", "w.csv", "w.json"]


def test_ctrl_c_keeps_what_was_found(tmp_path, recognizer):
    def stopped():
        for k in range(60):
            yield k, k / 25, video_files.picture(k % 40)
        raise KeyboardInterrupt

    rows = recognizer.rows(
        stopped(), recognizer.finder(is_cropped=True), window="0.4s", stride="4", batch_size=1
    )
    with results.write_results(
        rows, tmp_path / "v", video="v", classes=CLASSES, about=lambda: {"video": "v"}
    ) as written:
        assert isinstance(written.fault, KeyboardInterrupt)
        assert len(table(tmp_path / "v.csv")) == len(list(written.rows)) > 5
    assert json.loads((tmp_path / "v.json").read_text())["fault"] == "stopped"


def test_a_full_disk_leaves_the_earlier_table_as_it_was(tmp_path, recognizer, monkeypatch):
    video = video_files.write_video(tmp_path / "v.mp4", pictures(10))
    look(video, tmp_path, recognizer)
    before = (tmp_path / "v.csv").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        look(video, tmp_path, recognizer)
    monkeypatch.undo()
    assert (tmp_path / "v.csv").read_bytes() == before
    assert not list(tmp_path.glob("*.new"))


def test_a_camera_is_watched_until_it_ends_and_nothing_looks_ahead(tmp_path, recognizer, capsys):
    video = video_files.write_video(
        tmp_path / "v.avi", pictures(60), codec="mjpeg", pixels="yuvj420p"
    )
    options = predict.Options(out=tmp_path, is_cropped=True, window="8", stride="4")
    camera.watch(str(video), recognizer, options)
    said = capsys.readouterr().out
    assert "a row is about the last 8 frames; its middle lies 4 frames before" in said
    [written] = tmp_path.glob("camera_*.csv")
    rows = table(written)
    assert len(rows) == 14 and all(int(r["faces_found"]) == 8 for r in rows)
    with pytest.raises(UserError, match="camera nowhere does not open"):
        camera.watch("nowhere", recognizer, options)


def run_door(*arguments, **popen):
    command = [sys.executable, "-m", "dfer_jax", "predict", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give videos, pictures or folders, or else --camera"),
        (["nowhere.mp4"], 1, "nowhere.mp4 does not exist"),
        (["{video}", "--stride=fast"], 1, "--stride=fast is no length"),
        (["{video}", "--weights=nowhere"], 1, "there are no weights in nowhere"),
    ],
    ids=["nothing", "no video", "no length", "no weights"],
)
def test_mistakes_are_one_sentence(tmp_path, clip_weights, arguments, code, message):
    video = video_files.write_video(tmp_path / "v.mp4", pictures(2))
    given = [argument.format(video=video) for argument in arguments]
    process = run_door("--weights", clip_weights, "--out", tmp_path / "out", *given)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert message in said and "Traceback" not in said
    assert len([line for line in said.splitlines() if line]) == 1


def test_ctrl_c_at_the_door_is_said_in_a_sentence(tmp_path, clip_weights):
    video = video_files.write_video(tmp_path / "v.mp4", pictures(3000))
    process = run_door(video, "--cropped", "--weights", clip_weights, "--out", tmp_path)
    deadline = time.monotonic() + 100
    while not (tmp_path / "v.csv.new").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130, said
    assert "Traceback" not in said and "hold what was found until then" in said
    about = json.loads((tmp_path / "v.json").read_text())
    assert about["fault"] == "stopped" and len(table(tmp_path / "v.csv")) == about["rows"]
