import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import simplejpeg
from face_videos import face_model, face_pictures, face_video
from video_files import picture, write_video


def crop(*arguments, **how):
    command = [sys.executable, "-m", "dfer_jax", "crop", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **how)


@pytest.fixture
def videos(tmp_path):
    face_model()
    frames = [frame[:, :192] for frame in face_pictures("carphone", 8)]
    (tmp_path / "in").mkdir()
    for name in ("smile", "sad clip"):
        write_video(tmp_path / "in" / f"{name}.mp4", frames)
    (tmp_path / "in" / "text.mp4").write_text("no video")
    (tmp_path / "in" / "talk.mp4.part").write_text("")
    (tmp_path / "in" / "labels.csv").write_text(
        "path,label\nsmile.mp4,happiness\nsad clip.mp4,sadness\ntext.mp4,fear\ngone.mp4,fear\n"
    )
    return tmp_path / "in"


def test_from_videos_to_crops_and_on_again(videos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "crop_settings.json.new").write_text("{")  # of a command killed as it began
    done = crop(videos, out, "--like=aff_wild2", "--num_processes=1")
    assert not (out / "crop_settings.json.new").exists()
    assert done.returncode == 0, done.stderr
    assert "2 of 4 clips cropped, 16 of 16 frames (100.0%)" in done.stdout
    assert "2 lost:\n  text: not a video file" in done.stdout
    assert "gone.mp4: is not there" in done.stdout
    assert "1 passed over: no videos, or without a row in the table:\n  talk" in done.stdout
    assert (out / "labels.csv").read_text() == "path,label\nsmile,happiness\nsad clip,sadness\n"
    assert json.loads((out / "crop_settings.json").read_text()) == {
        "alignment": "arcface", "detector": "face_landmarker_v2", "margin": 0.0, "size": 112,
    }  # fmt: skip
    assert simplejpeg.decode_jpeg((out / "contact_sheet.jpg").read_bytes()).ndim == 3
    with open(out / "_faces" / "crops.csv", newline="") as file:
        table = {row["clip"]: row["result"] for row in csv.DictReader(file)}
    assert table["smile"] == "cropped" and table["gone.mp4"] == "is not there"
    kept = (out / "smile" / "000001.jpg").stat().st_mtime_ns
    again = crop(videos, out, "--like=aff_wild2", "--num_processes=1")
    assert again.returncode == 0 and again.stdout == done.stdout
    assert (out / "smile" / "000001.jpg").stat().st_mtime_ns == kept, "was cropped again"
    other = crop(videos, out, "--like=dfew")
    assert other.returncode == 1
    assert "crops cut otherwise (alignment: arcface, seetaface); name another" in other.stderr


def test_another_video_of_a_name_is_cropped_again(videos, tmp_path):
    (videos / "labels.csv").unlink()
    out, options = tmp_path / "out", ("--like=dfew", "--num_processes=1")
    assert "cropped again" not in crop(videos, out, *options).stdout
    write_video(videos / "smile.mp4", [picture(1)] * 3)
    (videos / "sad clip.mp4").rename(tmp_path / "elsewhere.mp4")
    (out / "sad clip" / "000001.jpg").unlink()
    done = crop(videos, out, *options)
    assert done.returncode == 1 and done.stdout == (
        "1 video cropped again, for the video or its crops are not those of the last time:\n"
        "  smile\n"
    )
    assert not (out / "smile").exists() and "nothing was cropped (smile: no face" in done.stderr
    (videos / "smile.mp4").unlink()
    (tmp_path / "elsewhere.mp4").rename(videos / "sad clip.mp4")
    done = crop(videos, out, *options)
    assert "  sad clip\n1 of 2 clips cropped, 8 of 8 frames" in done.stdout, done
    assert "lying here" not in done.stdout  # of the other one there is no crop
    (videos / "sad clip.mp4").rename(videos / "glad clip.mp4")
    done = crop(videos, out, *options)
    assert (
        "1 lying here of other videos than these; a builder takes them too:\n  sad" in done.stdout
    )


def test_refused_in_one_sentence(videos, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("a")
    for arguments, code, message in (
        ([videos, tmp_path / "full"], 1, "holds files that dfer crop did not write"),
        ([videos, tmp_path / "out", "--margin=9"], 1, "crop margin 9.0: give a share of the face"),
    ):
        done = crop(*arguments)
        assert done.returncode == code and message in done.stderr
        assert done.stderr.count("\n") == 1


def test_stopped_by_ctrl_c(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    face_model()
    for number in range(4):
        os.symlink(face_video("speech"), source / f"{number}.mp4")
    command = [sys.executable, "-m", "dfer_jax", "crop", source, out, "--num_processes=2"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list(out.glob(".unfinished/*/0/*.jpg")) and time.monotonic() < end:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130 and "of 4 clips are done, the same command goes on" in said
    assert not (out / ".unfinished").exists(), "something is left"
