"""Fusing what several networks say of the same frames: by video and number, never by row."""

import dataclasses
import functools
import json

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.frames import ensemble
from dfer_jax.frames.evaluation import FrameEvaluation, read_evaluation, write_evaluation
from dfer_jax.labels import ACTION_UNITS, CLASSES

ABOUT = {
    "task": "frames",
    "dataset": "frame_dataset/both",
    "selection": "last",
    "step": 6,
    "epoch": 2.0,
    "model": {"name": "resnet50", "kwargs": {}},
    "source": "trained",
}


def member(seed, *, kind="expressions", skill=2.0, video="test"):
    """A network that is right about half of 90 frames of three videos."""
    rng = np.random.default_rng(seed)
    classes = CLASSES if kind == "expressions" else ACTION_UNITS
    truth = np.random.default_rng(99)
    logits = rng.normal(size=(90, len(classes)))
    if kind == "expressions":
        labels = truth.integers(0, 7, 90)
        logits[np.arange(90), labels] += skill
    else:
        labels = truth.integers(0, 2, (90, 12))
        logits += skill * (labels - 0.5)
    return FrameEvaluation(
        kind=kind,
        classes=tuple(classes),
        videos=np.repeat([f"{video}{i}" for i in range(3)], 30),
        numbers=np.tile(np.arange(1, 31), 3).astype(np.int32),
        labels=labels.astype(np.int8),
        mask=truth.random(90) < 0.8,
        logits=logits.astype(np.float32),
    )


def shuffled(found, seed=5):
    order = np.random.default_rng(seed).permutation(len(found.numbers))
    names = ("videos", "numbers", "labels", "mask", "logits")
    return dataclasses.replace(found, **{name: getattr(found, name)[order] for name in names})


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@pytest.mark.parametrize("space", ["prob", "logit"])
@pytest.mark.parametrize("kind", ["expressions", "action_units"])
def test_weighted_sum_of_frames_matched_by_key(kind, space):
    members = [member(seed, kind=kind) for seed in range(3)]
    joined = ensemble.join([members[0], *map(shuffled, members[1:])])
    weights = np.array([0.6, 0.3, 0.1])
    found = ensemble.combine(joined, weights, space=space)
    logits = [m.logits.astype(np.float64) for m in members]
    if space == "logit":
        expected = sum(w * x for w, x in zip(weights, logits, strict=True))
        np.testing.assert_allclose(found.logits, expected, rtol=1e-5, atol=1e-5)
        return
    share = softmax if kind == "expressions" else (lambda x: 1 / (1 + np.exp(-x)))
    expected = sum(w * share(x) for w, x in zip(weights, logits, strict=True))
    np.testing.assert_allclose(share(found.logits.astype(np.float64)), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["expressions", "action_units"])
@pytest.mark.parametrize("space", ["prob", "logit"])
def test_fitted_weights_have_the_best_score_of_the_grid(kind, space):
    members = [member(0, kind=kind), member(1, kind=kind), member(2, kind=kind, skill=-2.0)]
    weights = ensemble.fit_weights(members, space=space, edition="abaw2")
    assert weights.sum() == pytest.approx(1) and weights[2] < 0.4

    def score(w):
        return ensemble.combine(members, np.array(w), space=space).scores().score("abaw2")

    steps = range(21)
    grid = [(1 - (a + b) / 20, a / 20, b / 20) for a in steps for b in steps if a + b <= 20]
    assert score(weights) == pytest.approx(max(map(score, grid)), abs=1e-9)


def test_members_that_do_not_match_are_refused():
    first = member(0)
    keep = np.arange(90) != 7
    names = ("videos", "numbers", "labels", "mask", "logits")
    fewer = dataclasses.replace(first, **{name: getattr(first, name)[keep] for name in names})
    with pytest.raises(UserError, match=r"1 are missing, 0 are extra.*\n.*test0 frame 8"):
        ensemble.join([first, fewer])
    labels = first.labels.copy()
    labels[3] = (labels[3] + 1) % 7
    with pytest.raises(UserError, match=r"1 frames have other labels.*\n.*test0 frame 4"):
        ensemble.join([first, dataclasses.replace(first, labels=labels)])
    with pytest.raises(UserError, match="member 2 labels action_units"):
        ensemble.join([first, member(0, kind="action_units")])
    twice = dataclasses.replace(first, numbers=np.ones_like(first.numbers))
    with pytest.raises(UserError, match="member 2 has a frame twice"):
        ensemble.join([first, twice])
    with pytest.raises(UserError, match="too many to fit on a grid"):
        ensemble.fit_weights([first] * 5, space="prob", edition="abaw2")


def written(folder, seeds):
    for seed in seeds:
        for split, video in (("test", "test"), ("validation", "held_out")):
            found = member(seed, video=video)
            write_evaluation(str(folder / f"run{seed}"), split, found, ABOUT | {"split": split})
    return [str(folder / f"run{seed}") for seed in seeds]


@pytest.fixture
def command(commands):
    return functools.partial(commands.run, "dfer_jax.commands.ensemble")


def test_command_fits_on_held_out_videos_and_names_the_gain(tmp_path, command):
    runs = written(tmp_path, [0, 1, 2])
    done = command(*runs, "--out", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert "weights fitted on validation; gain over the best member" in done.stdout
    result, about = read_evaluation(str(tmp_path / "all" / "eval" / "test.json"))
    weights = [m["weight"] for m in about["model"]["kwargs"]["members"]]
    assert sum(weights) == pytest.approx(1)
    expected = ensemble.combine([member(s) for s in range(3)], np.array(weights), space="prob")
    np.testing.assert_allclose(result.logits, expected.logits, rtol=1e-5, atol=1e-6)
    assert "weights fitted on validation" in about["selection"]


def test_command_refuses_in_one_sentence(tmp_path, command):
    runs = written(tmp_path, [0, 1])
    for run in runs:
        (tmp_path / run / "eval" / "validation.json").unlink()
    for arguments, message in (
        (("--out", tmp_path / "a"), "no held-out predictions to fit the weights on"),
        (("--out", tmp_path / "a", "--weights=.9,.2"), "that sum to 1"),
        (("--out", runs[0] + "/eval", "--weights=.5,.5"), "holds something else"),
    ):
        done = command(*runs, *arguments)
        assert done.returncode == 1 and message in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_damaged_evaluations_are_said(tmp_path):
    [run] = written(tmp_path, [0])
    path = tmp_path / run / "eval" / "test.json"
    about = json.loads(path.read_text())
    for change, message in (
        ({"num_frames": 3}, "of different evaluations"),
        ({"classes": ["a", "b"]}, "another shape"),
        ({"task": "clips"}, "is not an evaluation of frames"),
    ):
        path.write_text(json.dumps(about | change))
        with pytest.raises(UserError, match=message):
            read_evaluation(str(path))
    path.write_text(json.dumps(about))
    arrays = tmp_path / run / "eval" / "test.frames.npz"
    arrays.write_bytes(arrays.read_bytes()[:200])
    with pytest.raises(UserError, match="is damaged"):
        read_evaluation(str(path))
    arrays.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read_evaluation(str(path))
