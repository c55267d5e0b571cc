"""From raw videos and a table to a timeline: crop, build, train, predict, as README has it."""

import subprocess
import sys

import jax
import numpy as np
import pytest
import simplejpeg
import tiny
from face_videos import face_model, face_pictures
from video_files import write_video

from configs import video_folder
from dfer_jax.clips.task import ClipTask
from dfer_jax.data.crops import crop_of
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.training.loop import Trainer
from dfer_jax.video.faces import LIKE
from tfds_builders import build

SPLITS = ("train",) * 8 + ("test",) * 4


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Twelve clips of one man, and the crops that the command makes of them."""
    face_model()
    raw = tmp_path_factory.mktemp("raw")
    pictures = [picture[:, :192] for picture in face_pictures("carphone", 12 * 8)]
    lines = ["path,label,split"]
    for at, split in enumerate(SPLITS):
        write_video(raw / f"v{at}.mp4", pictures[8 * at : 8 * at + 8])
        lines.append(f"v{at}.mp4,{('surprise', 'neutral')[at % 2]},{split}")
    (raw / "labels.csv").write_text("\n".join(lines))
    out = raw.parent / "crops"
    command = [sys.executable, "-m", "dfer_jax", "crop", raw, out, "--like=dfew", "--size=64"]
    subprocess.run([*command, "--num_processes=1"], check=True, capture_output=True, timeout=200)
    return raw, out


def test_crop_build_train_predict(crops, tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])
    raw, cropped = crops
    data_dir = str(tmp_path / "data")
    build.build("video_folder/mine", data_dir=data_dir, manual_dir=str(cropped))
    assert crop_of("video_folder/mine", data_dir)["alignment"] == "seetaface"
    config = video_folder.get_config()
    config.data.update({"dataset": "video_folder/mine", "data_dir": data_dir, "decode_size": 32})
    config.model, config.loss.aux_weights = tiny.config(data_dir).model, ()
    config.train.update({"epochs": 1, "batch_size": 4})
    run = str(tmp_path / "run")
    Trainer(ClipTask, config, run).run(with_evaluation=False)

    recognizer = Recognizer.load(run)
    (cut,) = recognizer.weights.cuts
    assert cut.crop.differences(LIKE["dfew"]) == [], "the crop of training is that of prediction"
    (row,) = recognizer.video(raw / "v8.mp4", window="8", stride="8")
    assert (row.face, row.first_frame, row.last_frame, row.faces_found) == (0, 0, 7, 8)
    files = sorted((cropped / "v8").glob("*.jpg"))
    frames = np.stack([simplejpeg.decode_jpeg(file.read_bytes()) for file in files])
    of_crops = recognizer.clip(frames, sure_rgb=True)
    for name, probability in row.probabilities.items():
        assert probability == pytest.approx(of_crops[name], abs=0.02), "JPEG changes no more"
