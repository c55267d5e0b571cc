"""A recogniser of stills beside ours: its numbers by hand, its columns, files that are none."""

import csv
import json
import pathlib
import re

import cv2
import numpy as np
import pytest
import video_files

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.recognition import predict, sources
from dfer_jax.recognition.peers import answers
from dfer_jax.recognition.peers.still import StillPeer
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.rows import columns
from dfer_jax.recognition.written import results

EIGHT = pathlib.Path(__file__).with_name("eight.onnx")
"""Convolution of 16x16 at stride 16 to 8 channels, ReLU, mean, Gemm to 8: `input`, `output` as
EmotiEffLib's files have them; `seven.onnx` and `ten.onnx` differ in the last layer."""
SEVEN, TEN = EIGHT.with_name("seven.onnx"), EIGHT.with_name("ten.onnx")
NAMES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


def weights():
    """Returns the kernel [8, 3, 16, 16], the last matrix [8, 8] and bias [8] of `eight.onnx`."""
    random = np.random.RandomState(0)
    kernel = (random.standard_normal((8, 3, 16, 16)) * 0.05).astype(np.float32)
    return kernel, random.standard_normal((8, 8)), random.standard_normal(8) * 0.1


def test_logits_are_those_of_the_network_by_hand():
    face = np.random.default_rng(1).integers(0, 256, (224, 224, 3), np.uint8)
    kernel, matrix, bias = weights()
    x = (face / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    patches = x.reshape(14, 16, 14, 16, 3).transpose(0, 2, 4, 1, 3).reshape(196, -1)
    features = np.maximum(patches @ kernel.reshape(8, -1).T, 0).mean(axis=0)
    expected = matrix @ features + bias
    peer = StillPeer(EIGHT, classes=(*CLASSES, "contempt"))
    found = peer(face)
    assert peer.size == 224 and list(found) == sorted({*CLASSES, "contempt"})
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-4)
    without = StillPeer(EIGHT, classes=CLASSES)
    assert without.names == NAMES
    assert without(face) == {name: found[name] for name in NAMES}


def test_seven_and_ten_outputs_and_the_larger_pictures(tmp_path):
    larger = tmp_path / "enet_b2_7.onnx"
    larger.write_bytes(SEVEN.read_bytes())
    peer = StillPeer(larger, classes=CLASSES)
    assert (peer.size, peer.names) == (260, NAMES)
    peer = StillPeer(TEN, classes=CLASSES)
    assert peer.names == (*NAMES, "valence", "arousal")


def test_a_window_is_the_softmax_of_the_mean_logits():
    frames = [
        {"anger": 1.0, "fear": -1.0, "valence": 0.5},
        {"anger": 3.0, "fear": 1.0, "valence": 0.0},
    ]
    said = answers.mean_of(frames)
    assert said == pytest.approx(
        {"anger": 1 / (1 + np.exp(-2)), "fear": 1 / (1 + np.exp(2)), "valence": 0.25}
    )
    assert answers.label_of(said) == "anger"
    assert answers.mean_of([{}, {}]) == {} and answers.columns(()) == []
    assert answers.columns(("fear", "valence")) == ["peer_label", "peer_fear", "peer_valence"]


def test_its_answers_stand_beside_ours(tmp_path, clip_weights):
    recognizer = Recognizer.load(clip_weights)
    peer = StillPeer(TEN, classes=recognizer.classes)
    options = predict.Options(out=tmp_path, window="4", stride="4", is_cropped=True, peer=peer)
    video = video_files.write_video(tmp_path / "v.mkv", [video_files.picture(k) for k in range(8)])
    [source] = sources.find_sources(video, fps=25.0)
    predict.predict(source, tmp_path / "v", recognizer, options)
    with open(tmp_path / "v.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    more = ["peer_label", *(f"peer_{name}" for name in peer.names)]
    assert list(rows[0]) == [*columns(CLASSES), *more] and len(rows) == 2
    for row in rows:
        shares = {name: float(row[f"peer_{name}"]) for name in NAMES}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["peer_label"] == max(shares, key=shares.get)
        assert np.isfinite(float(row["peer_valence"])) and row["peer_arousal"]
    frames = [peer(cv2.resize(picture, (224, 224))) for _, _, picture in source.pictures()]
    logits = np.mean([[frame[name] for name in NAMES] for frame in frames[:4]], axis=0)
    expected = np.exp(logits) / np.exp(logits).sum()
    shares = [float(rows[0][f"peer_{name}"]) for name in NAMES]
    np.testing.assert_allclose(shares, expected, atol=0.02)
    about = json.loads((tmp_path / "v.json").read_text())
    same = np.mean([row["label"] == row["peer_label"] for row in rows])
    assert about["peer"] == "ten.onnx" and about["faces"][0]["peer_says_the_same"] == same
    page = (tmp_path / "v.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["peer"] == "ten.onnx" and data["rows"][0][6][0] == rows[0]["peer_label"]


def test_without_a_peer_nothing_changes(tmp_path, clip_weights):
    options = predict.Options(out=tmp_path, is_cropped=True)
    video = video_files.write_video(tmp_path / "v.mkv", [video_files.picture(0)])
    [(source, stem)] = results.stems(sources.find_sources(video, fps=25.0), tmp_path)
    predict.predict(source, stem, Recognizer.load(clip_weights), options)
    header = (tmp_path / "v.csv").read_text().splitlines()[0].split(",")
    assert header == columns(CLASSES)
    about = json.loads((tmp_path / "v.json").read_text())
    assert about["peer"] is None and "peer_label" not in about["faces"][0]


def test_files_that_are_no_such_network(tmp_path):
    wrong = {
        "text.onnx": (b"no network " * 99, "is no ONNX file that OpenCV can run"),
        "empty.onnx": (b"", "is no ONNX file that OpenCV can run"),
        "cut.onnx": (EIGHT.read_bytes()[:3000], "is no ONNX file that OpenCV can run"),
    }
    for name, (data, said) in wrong.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UserError, match=said) as caught:
            StillPeer(path, classes=CLASSES)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"none\.onnx cannot be read \(No such file"):
        StillPeer(tmp_path / "none.onnx", classes=CLASSES)
    huge = tmp_path / "huge.onnx"
    with open(huge, "wb") as file:
        file.truncate(2**40)  # a hole: it takes no room
    with pytest.raises(UserError, match="has more than 200 MiB"):
        StillPeer(huge, classes=CLASSES)
    with pytest.raises(UserError, match="gives 9 numbers for a face, not 7, 8 or 10"):
        StillPeer(EIGHT.with_name("nine.onnx"), classes=CLASSES)
