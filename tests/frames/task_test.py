"""Training on frames: the static CNN, heads on its frozen backbone, from pictures or features."""

import json
import pathlib

import frame_dataset
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import tiny_frames

from dfer_jax.errors import UserError
from dfer_jax.frames import evaluate_run
from dfer_jax.frames.evaluation import read_evaluation
from dfer_jax.frames.objective import FrameAugmentation, FrameObjective, make_row_weights_of_frames
from dfer_jax.frames.task import FrameTask
from dfer_jax.frames.train import train
from dfer_jax.labels import ACTION_UNITS
from dfer_jax.models.resnet50 import BACKBONE
from dfer_jax.runs import checkpoint
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime import parallel
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.loop import Trainer


@pytest.fixture(scope="module")
def one_device():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])
        yield


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    frame_dataset.build(str(path), "both")
    return path


@pytest.fixture(scope="module")
def cnn(data_dir, tmp_path_factory, one_device):
    """A trained and evaluated static CNN."""
    workdir = str(tmp_path_factory.mktemp("runs") / "cnn")
    run(tiny_frames.config(data_dir), workdir)
    return workdir


def run(config, workdir):
    train(config, str(workdir), overrides={}, with_evaluation=True)
    evaluate_run.evaluate_checkpoints(config, str(workdir))


def weights_of(workdir):
    return checkpoint.load_last_weights(str(workdir))[0]


def assert_close(found, expected, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), found, expected)


def test_each_frame_is_scored_once_and_those_with_a_label_count(cnn):
    result, about = read_evaluation(f"{cnn}/eval/test.json")
    assert len(result.numbers) == sum(frame_dataset.TEST_LENGTHS)
    keys = set(zip(result.videos.tolist(), result.numbers.tolist(), strict=True))
    assert len(keys) == len(result.numbers)
    labels = np.concatenate(
        [
            frame_dataset.canonical(frame_dataset.stored_labels(8 + i, length))
            for i, length in enumerate(frame_dataset.TEST_LENGTHS)
        ]
    )
    np.testing.assert_array_equal(result.mask, (labels >= 0) & (labels < 7))
    assert about["num_frames"] == result.mask.sum() == sum(map(sum, about["confusion"]))
    assert about["score_abaw2"] == pytest.approx(
        0.67 * about["macro_f1"] + 0.33 * about["accuracy"]
    )
    assert pathlib.Path(cnn, "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    "system",
    [
        pytest.param("gru", marks=pytest.mark.soak(reason="two more trainings, of another head")),
        "transformer",
    ],
)
def test_heads_learn_the_same_from_kept_features_as_from_pictures(system, cnn, data_dir, tmp_path):
    config = tiny_frames.config(data_dir, system, init_from=cnn)
    config.model.dropout = 0.0
    if system == "gru":
        del config.model.dropout
    config.augment.enabled = False
    for name, features in (("kept", True), ("pictures", False)):
        config.data.features = features
        run(config, tmp_path / name)
    kept, pictures = (weights_of(tmp_path / name) for name in ("kept", "pictures"))
    assert_close(kept, pictures, rtol=1e-4, atol=1e-5)
    before = weights_of(cnn)
    for kind in ("params", "batch_stats"):  # neither gradient nor decay reaches the backbone
        assert_close(kept[kind][BACKBONE], before[kind][BACKBONE], rtol=0, atol=0)
    logits = [
        read_evaluation(f"{tmp_path}/{name}/eval/test.json")[0].logits
        for name in ("kept", "pictures")
    ]
    np.testing.assert_allclose(*logits, rtol=1e-4, atol=1e-5)


def test_stopped_run_resumes_bit_for_bit(cnn, data_dir, tmp_path, monkeypatch):
    config = tiny_frames.config(data_dir, "transformer", init_from=cnn)
    train(config, str(tmp_path / "whole"), overrides={}, with_evaluation=True)
    with monkeypatch.context() as patch, pytest.raises(UserError, match="stopped at step 4"):
        tiny.stop_after(patch, 4)
        Trainer(FrameTask, config, str(tmp_path / "parts"), init_from=cnn).run(with_evaluation=True)
    Trainer(FrameTask, config, str(tmp_path / "parts"), init_from=cnn).run(with_evaluation=True)
    assert_close(weights_of(tmp_path / "parts"), weights_of(tmp_path / "whole"), rtol=0, atol=0)


def test_statistics_freeze_after_an_epoch_and_held_out_videos_choose(data_dir, tmp_path):
    config = tiny_frames.config(data_dir)
    config.data.validation_fraction = 0.3
    config.train.freeze_batch_norm_after = 1
    trainer = Trainer(FrameTask, config, str(tmp_path))
    task, state = trainer.task, jax.jit(trainer.task.init)()
    steps = task.steps_per_epoch
    assert task.step_at(steps - 1) is not task.step_at(steps)
    batch = parallel.over(jax.devices()[:1]).put(next(task.batches(state, 0, 1)))
    before = jax.device_get(state.batch_stats)
    moved, _ = task.step_at(0)(jax.tree.map(jnp.copy, state), batch)
    kept, _ = task.step_at(steps)(state, batch)
    assert_close(jax.device_get(kept.batch_stats), before, rtol=0, atol=0)
    changes = jax.tree.map(lambda a, b: np.abs(a - b).max(), moved.batch_stats, before)
    assert max(jax.tree.leaves(changes)) > 1e-4
    ids, groups = task.parts.train.frames.index.clip_ids, task.parts.train.frames.index.groups
    held_out, trained = task.parts.validation.videos, task.parts.train.videos
    assert not set(groups[held_out]) & set(groups[trained])
    assert sorted([*held_out, *trained]) == list(range(len(ids)))
    assert task.metadata["selection"] == "best on validation"


def test_action_units_are_trained_and_scored(data_dir, tmp_path, one_device):
    config = tiny_frames.config(data_dir, "au")
    config.loss.balanced = True
    run(config, tmp_path)
    about = json.loads((tmp_path / "eval" / "test.json").read_text())
    assert set(about["f1"]) == set(about["classes"]) == set(ACTION_UNITS)
    assert 0 <= about["exact_match"] <= about["accuracy"] <= 1
    assert about["macro_f1"] == pytest.approx(np.mean(list(about["f1"].values())))


def test_every_labelled_frame_of_a_batch_counts_the_same_on_two_devices():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 5, 7)).astype("f4"), rng.integers(0, 7, (4, 5))
    mask = rng.random((4, 5)) < [[0.9], [0.9], [0.2], [0.2]]
    objective = FrameObjective("expressions")
    state, keys = TrainState(jnp.int32(0), {}, {}, {}), jax.random.split(jax.random.key(0), 4)

    def loss(devices):
        row_weights = make_row_weights_of_frames(devices)

        def step(_, batch):
            weights = row_weights(state, keys, batch)[0]
            found = objective(batch["logits"], {}, batch["labels"], weights, state.step)[0]
            return devices.mean(found), {}

        batch = {"logits": logits, "labels": labels.astype(np.int32), "mask": mask}
        return float(devices.compile_eval(step)(jnp.zeros(()), devices.put(batch))[0])

    log_shares = np.asarray(jax.nn.log_softmax(logits))
    expected = -np.take_along_axis(log_shares, labels[..., None], -1)[..., 0][mask].mean()
    for count in (1, 2):
        assert loss(parallel.over(jax.devices()[:count])) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["expressions", "action_units"])
def test_a_batch_without_any_label_has_no_loss_and_no_gradient(kind):
    k = 7 if kind == "expressions" else 12
    labels = jnp.zeros((2, 3) if kind == "expressions" else (2, 3, k), jnp.int32)
    state, keys = TrainState(jnp.int32(0), {}, {}, {}), jax.random.split(jax.random.key(0), 2)
    batch = {"mask": jnp.zeros((2, 3), bool), "labels": labels}
    weights, _ = make_row_weights_of_frames(parallel.over(jax.devices()[:1]))(state, keys, batch)

    def loss(logits):
        return FrameObjective(kind)(logits, {}, labels, weights, state.step)[0]

    value, gradient = jax.value_and_grad(loss)(jnp.ones((2, 3, k)))
    assert value == 0 and (gradient == 0).all()


def test_windows_are_varied_as_one_or_frame_by_frame():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (2, 1, 16, 16, 3), np.uint8)
    clips = jnp.asarray(np.repeat(one, 3, axis=1))
    keys = jax.random.split(jax.random.key(0), 2)
    varied = Augmentation(16, (0.3, 0.6), (1.0, 1.0), 0.0, 0.5, 0.0)
    together, apart = (
        np.asarray(jax.jit(FrameAugmentation(16, varied, per_frame))(keys, clips))
        for per_frame in (False, True)
    )
    np.testing.assert_array_equal(together[:, 0], together[:, 1])
    assert np.abs(apart[:, 0] - apart[:, 1]).max() > 0.1
    plain = np.asarray(FrameAugmentation(16, None, False)(keys, clips))
    np.testing.assert_allclose(plain, clips / 255, atol=1e-6)
    features = jnp.asarray(rng.normal(size=(2, 3, 8)), jnp.float16)
    np.testing.assert_array_equal(FrameAugmentation(16, varied, True)(keys, features), features)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train.init_from": ""}, "keeps its backbone as it is; set train.init_from"),
        ({"data.window": 8}, "data.window=8 must be odd"),
        ({"data.labels": "valence"}, "choose from expressions, action_units"),
        ({"model.name": "gca_ial"}, "labels no frames; choose from resnet50, cnn_gru"),
        ({"train.freeze_batch_norm_after": 1}, "is for models that train their backbone"),
        ({"model.normalisation": "abaw2021_code"}, "normalisation: imagenet -> abaw2021_code"),
        ({"data.validation_fraction": 1.0}, r"must be in \[0, 1\)"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(
    change, message, cnn, data_dir, tmp_path
):
    config = tiny_frames.config(data_dir, "gru", init_from=cnn)
    for field, value in change.items():
        section, name = field.split(".")
        config[section][name] = value
    with pytest.raises(UserError, match=message):
        Trainer(FrameTask, config, str(tmp_path / "run"), init_from=cnn).run(with_evaluation=False)
    assert not list((tmp_path).glob("run/checkpoints/[0-9]*"))
