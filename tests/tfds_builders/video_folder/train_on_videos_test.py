"""From a folder of videos and a table to a trained and evaluated checkpoint."""

import json

import jax
import pytest
import tiny
from video_files import picture, write_video

from configs import video_folder
from dfer_jax.clips import evaluate_run
from dfer_jax.clips.sources import open_sources
from dfer_jax.clips.task import ClipTask
from dfer_jax.data.crops import crop_of
from dfer_jax.runs import checkpoint
from dfer_jax.training.loop import Trainer
from dfer_jax.video.faces import LIKE
from dfer_jax.video.faces.settings_file import SETTINGS_FILE, write_settings
from tfds_builders import build

SPLITS = ("train",) * 8 + ("test",) * 2 + ("validation",) * 2


@pytest.fixture
def one_device(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    for at in range(12):
        numbers = range(10 + at // 7)  # no two videos alike
        pictures = [picture(5 * at % 7 + number, height=32, width=32) for number in numbers]
        write_video(root / f"v{at}.mp4", pictures)
    return root


def label(root, header):
    columns = header.split(",")
    rows = [
        {"path": f"v{at}.mp4", "label": ("joy", "fear")[at % 2], "split": split}
        for at, split in enumerate(SPLITS)
    ]
    lines = [header, *(",".join(row[name] for name in columns) for row in rows)]
    (root / "labels.csv").write_text("\n".join(lines))


def small(data_dir):
    config = video_folder.get_config()
    config.data.dataset = "video_folder/mine"
    config.data.data_dir = str(data_dir)
    config.data.decode_size = 32
    config.model, config.loss.aux_weights = tiny.config(data_dir).model, ()
    config.train.epochs = 1
    return config


def build_from(videos, tmp_path, header):
    label(videos, header)
    build.build("video_folder/mine", data_dir=str(tmp_path / "data"), manual_dir=str(videos))
    return small(tmp_path / "data")


def test_videos_become_an_evaluated_checkpoint(videos, tmp_path, one_device):
    write_settings(videos, LIKE["dfew"])
    config, directory = build_from(videos, tmp_path, "path,label,split"), tmp_path / "run"
    assert crop_of("video_folder/mine", str(tmp_path / "data")) == LIKE["dfew"].to_json()
    Trainer(ClipTask, config, str(directory)).run(with_evaluation=True)
    _, metadata = checkpoint.load_last_weights(str(directory))
    assert metadata["preprocess"]["crop"] == LIKE["dfew"].to_json()
    evaluate_run.evaluate_checkpoints(config, str(directory))
    best = json.loads((directory / "eval" / "test.best.json").read_text())
    assert best["selection"] == "best on validation" and best["step"] == 1
    assert [clip["clip_id"] for clip in best["predictions"]] == ["v8", "v9"]


def test_without_a_validation_split_the_test_split_chooses(videos, tmp_path):
    (videos / SETTINGS_FILE).unlink(missing_ok=True)
    sources = open_sources(build_from(videos, tmp_path, "path,label"))
    assert crop_of("video_folder/mine", str(tmp_path / "data")) is None
    assert sources.selection == "best on test" and len(sources.train) + len(sources.test) == 12
