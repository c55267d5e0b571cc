"""What leaves as a folder comes back as it was: predictions, evaluations, a start for training."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import clip_dataset
import jax
import numpy as np
import pytest
import saved_weights
import tiny

import dfer_jax
from dfer_jax.clips import evaluate_run
from dfer_jax.clips.train import train
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.identity import Identity
from dfer_jax.errors import UserError
from dfer_jax.export import program
from dfer_jax.export.card import card_of
from dfer_jax.export.folder import prepare, write_folder
from dfer_jax.recognition import weights
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.runs import checkpoint

FACES = np.random.default_rng(0).integers(60, 200, (9, 40, 40, 3)).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def one_device():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    clip_dataset.build(str(path), "truth")
    config = tiny.config(path)
    config.train.epochs = 1
    return config


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("runs") / "run")
    train(config, directory, overrides={}, with_evaluation=False)
    evaluate_run.evaluate_checkpoints(config, directory)
    return directory


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    out = str(tmp_path_factory.mktemp("given") / "folder")
    write_folder(run, out, license_name="mit")
    return out


def test_the_views_and_how_they_are_averaged_travel_with_the_weights(tmp_path):
    rule = {"sampling": "strided", "frame_step": 2, "test_views": 2, "view_average": "logits"}
    saved = saved_weights.of_clips(tmp_path / "saved", scale=4.0, **rule)
    write_folder(saved, str(tmp_path / "given"))
    loaded = dfer_jax.load(tmp_path / "given")
    views = loaded.preprocess(FACES)
    assert len(views) == 2 and np.abs(views[0] - views[1]).max() > 0, "the views are the same"
    logits, _ = jax.jit(functools.partial(loaded.model.apply, train=False))(loaded.variables, views)
    expected = jax.nn.softmax(logits.mean(axis=0))
    found = list(loaded(FACES).values())
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (network,) = weights.load([tmp_path / "given"]).networks
    clips = FrameProtocol(4, **rule).clips(9, lambda places: [FACES[i, :32, :32] for i in places])
    assert program.input_shape(network) == clips.shape
    inside = jax.jit(program.probabilities_of(network))
    np.testing.assert_allclose(inside(clips[None]), network(clips[None]), atol=1e-6)


def test_evaluating_the_folder_elsewhere_gives_the_same_bits(config, run, folder, tmp_path):
    names = sorted(os.listdir(folder))
    evaluate_run.evaluate_checkpoints(config, str(tmp_path), weights=folder)
    assert sorted(os.listdir(folder)) == names, "given weights were written to"
    ours, theirs = (
        json.loads(pathlib.Path(f"{where}/eval/test.json").read_text()) for where in (run, tmp_path)
    )
    given, contents = theirs.pop("weights"), theirs.pop("contents")
    assert contents == Identity(config.data.dataset, config.data.data_dir).read()
    assert ours == theirs, "the folder evaluates otherwise than the run"
    assert given["folder"] == folder and given["step"] == 3 and len(given["sums"]) == 64
    kept = [np.load(f"{where}/eval/test.features.npz") for where in (run, tmp_path)]
    for name in kept[0].files:
        np.testing.assert_array_equal(kept[0][name], kept[1][name], err_msg=name)


def test_the_loaded_network_predicts_the_same_bits(run, folder):
    loaded = dfer_jax.load(folder)
    expected = Recognizer.load(run).clip(FACES)
    assert loaded(FACES) == expected == Recognizer.load(folder).clip(FACES), "other predictions"
    logits, _ = loaded.model.apply(loaded.variables, loaded.preprocess(FACES), train=False)
    np.testing.assert_allclose(jax.nn.softmax(logits)[0], list(expected.values()), atol=1e-6)
    assert loaded.classes == tuple(expected), "other names"
    weights, metadata = checkpoint.load_last_weights(run)
    found, about = checkpoint.load_last_weights(folder)
    jax.tree.map(np.testing.assert_array_equal, weights, found)
    assert about == metadata, "the folder says something else than the run"
    assert loaded.preprocess.settings == metadata["preprocess"], "other preprocessing"


def test_a_folder_of_a_network_that_labels_frames_predicts_the_same(tmp_path):
    run = saved_weights.of_frames(tmp_path / "run")
    write_folder(run, str(tmp_path / "out"))
    loaded = dfer_jax.load(tmp_path / "out")
    assert loaded(FACES) == Recognizer.load(run).clip(FACES), "other predictions"
    windows = loaded.preprocess(FACES[:2])
    assert windows.shape[:2] == (2, loaded.preprocess.settings["window"]), windows.shape


def test_a_training_starts_from_the_folder(config, folder, tmp_path, capsys):
    config = config.copy_and_resolve_references()
    config.train.init_from = folder
    train(config, str(tmp_path / "run"), overrides={}, with_evaluation=False)
    assert "starting from the weights in" in capsys.readouterr().out, "they were not taken"
    assert checkpoint.list_checkpoints(str(tmp_path / "run"), best_metric="war")["last"] > 0


def test_the_card_tells_what_there_is_to_know(run, folder):
    card = card_of(run, license_name="mit")
    assert card == card_of(folder), "the folder's card is another one"
    assert card.startswith('---\nlibrary_name: "dfer_jax"\nlicense: "mit"\n'), card[:80]
    evaluated = json.loads(pathlib.Path(f"{run}/eval/test.json").read_text())
    assert f"| WAR | {100 * evaluated['war']:.2f} |" in card, "WAR"
    for name in evaluated["classes"]:
        assert f"| {name} | " in card, name
    for words in ("| seed | 0 |", "Intended use", "Licences", "no folds", "Confusion"):
        assert words in card, words
    assert card_of(run).splitlines()[2] == 'license: "other"', "nobody chose that licence"


def test_checksums_are_those_of_other_tools(folder):
    done = subprocess.run(
        ["sha256sum", "--check", "checksums.sha256"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_a_folder_in_use_is_left_alone(run, folder):
    with pytest.raises(UserError, match="not empty; choose a new --out"):
        write_folder(run, folder)


def test_the_verbs_write_and_show_it(run, tmp_path, commands):
    def dfer(*arguments):
        done = commands.run("dfer_jax", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    lines = dfer("export", run, "--out", str(tmp_path / "out")).splitlines()
    assert [line.split("/")[-1] for line in lines] == [
        "model.safetensors",
        "config.json",
        "preprocessor_config.json",
        "README.md",
    ], lines
    assert dfer("card", str(tmp_path / "out")) == (tmp_path / "out" / "README.md").read_text()


def test_the_package_is_cheap_until_a_network_is_loaded():
    program = "import sys, dfer_jax; assert 'jax' not in sys.modules; dfer_jax.load"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(("out", "message"), [("", "has no name"), ("file", "is a file")])
def test_what_is_no_folder_is_refused(tmp_path, monkeypatch, out, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message):
        prepare(out)
