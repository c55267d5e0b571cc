"""One clip gives one answer: evaluation, `Recognizer.clip`, `.frames` and `.video`."""

import json
import subprocess
import sys

import clip_dataset
import frame_dataset
import jax
import numpy as np
import pytest
import saved_weights
import tiny
import tiny_frames

import dfer_jax
from dfer_jax.clips import evaluate_run
from dfer_jax.data.decode import decode_picture
from dfer_jax.data.source import open_split
from dfer_jax.errors import UserError
from dfer_jax.frames import evaluate_run as evaluate_frames
from dfer_jax.frames.evaluation import read_evaluation
from dfer_jax.labels import CLASSES
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.weights import Member
from dfer_jax.video.container import VideoError
from dfer_jax.video.faces import LIKE, CropSettings

FACES = np.random.default_rng(0).integers(60, 200, (9, 40, 40, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])


def write_frames(folder, frames, numbers=None):
    folder.mkdir(parents=True)
    for place, data in enumerate(frames):
        number = place if numbers is None else numbers[place]
        (folder / f"face_{number:05d}.jpg").write_bytes(data)
    return folder


def shares(row):
    return [row.probabilities[name] for name in CLASSES]


def test_the_package_is_cheap_until_the_recognizer_is_asked_for():
    program = (
        "import sys, dfer_jax; assert 'jax' not in sys.modules; dfer_jax.Recognizer; "
        "assert 'jax' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert dfer_jax.Recognizer is Recognizer
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        dfer_jax.Recogniser  # noqa: B018


def test_a_clip_gives_what_evaluation_gives(tmp_path):
    clip_dataset.build(str(tmp_path / "data"), "truth")
    config = tiny.plain(tmp_path / "data")
    run = saved_weights.of_clips(tmp_path / "run", data_dir=tmp_path / "data")
    evaluate_run.evaluate_checkpoints(config, run)
    evaluated = json.loads((tmp_path / "run" / "eval" / "test.json").read_text())["predictions"]
    recognizer = Recognizer.load(run)
    test = open_split(dataset="clip_dataset/truth", split="test", data_dir=str(tmp_path / "data"))
    for place, row in enumerate(evaluated):
        encoded = test[place]["frames"]
        folder = write_frames(tmp_path / "clips" / row["clip_id"], encoded)
        [found] = recognizer.video(folder, is_cropped=True)
        np.testing.assert_allclose(shares(found), row["probabilities"], atol=1e-5)
        pictures = np.stack([decode_picture(data) for data in encoded])
        of_clip = recognizer.clip(pictures, sure_rgb=True)
        np.testing.assert_allclose(list(of_clip.values()), shares(found), atol=1e-5)
        [in_memory] = recognizer.frames(pictures, is_cropped=True)
        np.testing.assert_allclose(shares(in_memory), shares(found), atol=1e-5)


@pytest.mark.parametrize(
    "system", ["gru", pytest.param("au", marks=pytest.mark.soak(reason="as of the other task"))]
)
def test_frames_give_what_evaluation_gives(tmp_path, system):
    frame_dataset.build(str(tmp_path / "data"), "both")
    config = tiny_frames.config(tmp_path / "data", system, init_from="elsewhere")
    if system == "gru":
        config.data.features = False
    run = saved_weights.of_frames(tmp_path / "run", system, data_dir=tmp_path / "data")
    evaluate_frames.evaluate_checkpoints(config, run)
    evaluated, _ = read_evaluation(str(tmp_path / "run" / "eval" / "test.json"))
    recognizer = Recognizer.load(run)
    for video, length in enumerate(frame_dataset.TEST_LENGTHS, len(frame_dataset.LENGTHS)):
        labels = frame_dataset.stored_labels(video, length).tolist()
        pictures = [frame_dataset.jpeg_of(video, label, i) for i, label in enumerate(labels)]
        numbers = frame_dataset.frame_numbers(video, length)
        folder = write_frames(tmp_path / f"video{video}", pictures, numbers)
        rows = list(recognizer.video(folder, is_cropped=True))
        own = evaluated.videos == f"video{video}"
        assert [row.first_frame for row in rows] == evaluated.numbers[own].tolist()
        logits = evaluated.logits[own].astype(np.float64)
        expected = 1 / (1 + np.exp(-logits))
        if system == "gru":
            expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        found = [list(row.probabilities.values()) for row in rows]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_ensemble_is_the_mean_by_class_name(tmp_path, clip_weights):
    turned = CLASSES[2:] + CLASSES[:2]
    other = saved_weights.of_clips(tmp_path / "b", classes=turned, scale=2.0, segments=3)
    alone = [Recognizer.load(folder).clip(FACES) for folder in (clip_weights, other)]
    both = Recognizer.load(clip_weights, other)
    assert both.classes == CLASSES
    expected = {name: (alone[0][name] + alone[1][name]) / 2 for name in CLASSES}
    assert both.clip(FACES) == pytest.approx(expected, abs=1e-6)
    [row] = both.frames(FACES, is_cropped=True)
    assert row.probabilities == pytest.approx(expected, abs=1e-6)


def test_an_ensemble_of_frames_waits_for_the_longer_window(tmp_path, frame_weights):
    other = saved_weights.of_frames(tmp_path / "cnn", "cnn")
    frames = np.random.default_rng(1).integers(0, 255, (150, 32, 32, 3)).astype(np.uint8)

    def shares_of(*folders):
        rows = list(Recognizer.load(*folders).frames(frames, is_cropped=True))
        assert [row.first_frame for row in rows] == list(range(150))
        return np.array([shares(row) for row in rows])

    alone = [shares_of(folder) for folder in (frame_weights, other)]
    np.testing.assert_allclose(shares_of(frame_weights, other), np.mean(alone, 0), atol=1e-6)


def test_faces_are_cut_as_the_checkpoint_says_or_as_its_data_look(tmp_path, clip_weights):
    crop = CropSettings(96, 0.3, "box")
    told = saved_weights.of_clips(tmp_path / "told", crop=crop.to_json())
    [member] = Recognizer.load(told).weights.members
    assert (member.cut.crop, member.crop_note) == (crop, "")
    [silent] = Recognizer.load(clip_weights).weights.members
    assert silent.cut.crop == CropSettings() and "does not say how" in silent.crop_note
    like = Member("x", silent.metadata | {"dataset": "dfew/full"})
    assert like.cut.crop == LIKE["dfew"] and "like those of dfew/full" in like.crop_note


def test_weights_that_do_not_go_together_are_refused(tmp_path, clip_weights, frame_weights):
    names = ("joy", *CLASSES[1:])
    other = saved_weights.of_clips(tmp_path / "b", classes=names)
    with pytest.raises(UserError, match="combine weights of the same classes"):
        Recognizer.load(clip_weights, other)
    with pytest.raises(UserError, match="combine weights of one kind"):
        Recognizer.load(clip_weights, frame_weights)
    with pytest.raises(UserError, match=r"there are no weights in .*nowhere"):
        Recognizer.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="there is no checkpoint in"):
        Recognizer.load(tmp_path)


def test_swapped_channels_are_refused_unless_one_insists(clip_weights):
    blue, recognizer = np.ascontiguousarray(FACES // 2), Recognizer.load(clip_weights)
    blue[..., 2] += 60
    with pytest.raises(UserError, match=r"frames\[..., ::-1\]"):
        recognizer.clip(blue)
    assert set(recognizer.clip(blue, sure_rgb=True)) == set(CLASSES)
    with pytest.raises(UserError, match=r"frames\[..., ::-1\]"):
        next(recognizer.frames(blue, is_cropped=True))
    assert list(recognizer.frames(blue, is_cropped=True, sure_rgb=True))


def test_a_file_that_is_no_video_is_named(tmp_path, clip_weights):
    (tmp_path / "notes.mp4").write_text("only words")
    rows = Recognizer.load(clip_weights).video(tmp_path / "notes.mp4", is_cropped=True)
    with pytest.raises(VideoError, match=r"notes\.mp4: not a video file"):
        next(rows)
