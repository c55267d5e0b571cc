"""Agreement and small-loss selection inside training: what they change, and what they must not."""

import clip_dataset
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny
from flax import linen as nn

from dfer_jax.clips import experiment
from dfer_jax.clips.sources import open_sources, training_batches
from dfer_jax.clips.task import ClipTask
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint
from dfer_jax.runs.metric_writer import read_metrics
from dfer_jax.runtime import parallel
from dfer_jax.training.agreement import Agreement
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.loop import Trainer
from dfer_jax.training.random_views import make_row_weights_by_views
from dfer_jax.training.small_loss import SmallLoss
from dfer_jax.training.step import (
    Objective,
    equal_weights,
    make_init,
    make_train_step,
)

ONE, TWO = (parallel.over(jax.devices()[:n]) for n in (1, 2))
OFF = {
    "ial_weight": 0.0,
    "aux_weights": {},
    "gap_weight": 0.0,
    "gap_form": "positive",
    "gap_eps": 0.02,
    "gap_log_base": "e",
    "gap_decay_amplitude": 1.0,
    "gap_decay_rate": 0.0,
    "steps_per_epoch": 5,
}


class Colours(nn.Module):
    """Logits from the mean colour, with a bias that can make it sure of a class."""

    @nn.compact
    def __call__(self, clips, *, train):
        calls = self.variable("batch_stats", "calls", lambda: jnp.zeros(()))
        if train:
            calls.value += 1
        return nn.Dense(7)(clips.mean(axis=(1, 2, 3))), {"aux_logits": {}}


class Plain(Augmentation):
    """No variation."""

    def __call__(self, keys, clips):
        return clips.astype(jnp.float32) / 255


def build(devices, *, row_weights=equal_weights, reweight=None, bias=0.0):
    model, optimizer = Colours(), optax.sgd(0.1, momentum=0.9)
    optimizer = optax.chain(optax.add_decayed_weights(0.1), optimizer)
    init = make_init(model, optimizer, seed=0, clip_shape=(2, 8, 8, 3))
    step = make_train_step(
        model,
        optimizer,
        objective=Objective(**OFF, reweight=reweight),
        augmentation=Plain(8, (1.0, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0),
        seed=0,
        parallel=devices,
        row_weights=row_weights,
    )
    state = jax.jit(init)()
    state.params["Dense_0"]["bias"] = state.params["Dense_0"]["bias"].at[0].add(bias)
    return step, devices.replicate(state)


def batch_of(size=8, views=4, *, label=None):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, size) if label is None else np.full(size, label)
    return {
        "clips": rng.integers(0, 256, (size, 2, 8, 8, 3), np.uint8),
        "views": rng.integers(0, 256, (size, views, 2, 8, 8, 3), np.uint8),
        "labels": labels.astype(np.int32),
    }


def by_views(**settings):
    agreement = Agreement(**({"warmup_epochs": 0.0, "ramp_epochs": 0.0} | settings))
    return make_row_weights_by_views(Colours(), agreement, image_size=8, steps_per_epoch=5)


def host(state):
    return jax.device_get((state.params, state.batch_stats, state.opt_state))


def assert_same(found, expected, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), found, expected)


def test_a_batch_of_noisy_clips_changes_nothing_but_the_step():
    step, state = build(ONE, row_weights=by_views(), bias=10.0)  # sure of class 0, labelled 1
    before = host(state)
    after, metrics = step(state, ONE.put(batch_of(label=1)))
    assert metrics["noisy"] == 1 and metrics["weight"] == 0
    assert_same(host(after), before, rtol=0, atol=0)
    assert int(after.step) == 1
    step, state = build(ONE, row_weights=by_views(warmup_epochs=1.0), bias=10.0)
    after, metrics = step(state, ONE.put(batch_of(label=1)))  # the same during warm-up
    assert metrics["noisy"] == 1 and metrics["weight"] == 1
    moved = np.abs(host(after)[0]["Dense_0"]["bias"] - before[0]["Dense_0"]["bias"]).max()
    assert moved > 1e-3


def test_warm_up_is_plain_training():
    whole = [
        build(ONE, row_weights=row_weights)
        for row_weights in (equal_weights, by_views(warmup_epochs=9.0))
    ]
    states = [step(state, ONE.put(batch_of()))[0] for step, state in whole]
    assert_same(host(states[1]), host(states[0]), rtol=1e-6, atol=1e-9)


def test_two_devices_weigh_as_one():
    found = []
    for devices in (ONE, TWO):
        step, state = build(devices, row_weights=by_views(a_noisy=0.5, m_noisy=0.1))
        found.append(step(state, devices.put(batch_of())))
    assert 0 < float(found[0][1]["noisy"]) < 1
    assert_same(host(found[1][0])[0], host(found[0][0])[0], rtol=1e-5, atol=1e-6)
    assert_same(jax.device_get(found[1][1]), jax.device_get(found[0][1]), rtol=1e-5, atol=1e-6)


def test_small_losses_alone_are_learned_from():
    reweight = SmallLoss(0.5, 0.0)
    step, state = build(ONE, reweight=reweight)
    batch = batch_of()
    logits, _ = Colours().apply(state.variables, batch["clips"] / np.float32(255), train=False)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["labels"])
    kept = np.argsort(np.asarray(losses))[:4]
    after, metrics = step(state, ONE.put(batch))
    assert metrics["noisy"] == 0.5
    assert metrics["loss"] == pytest.approx(float(losses[kept].mean()), rel=1e-5)
    step, state = build(ONE)
    few, _ = step(state, ONE.put({name: x[kept] for name, x in batch.items()}))
    assert_same(host(after)[0], host(few)[0], rtol=1e-5, atol=1e-6)


def test_a_run_logs_verdicts_and_waits_for_its_warm_up(built_clips, tiny_run, tmp_path, one_device):
    config = tiny.config(built_clips)
    config.robust.method = "agreement"
    config.robust.warmup_epochs = 50.0
    Trainer(ClipTask, config, str(tmp_path)).run(with_evaluation=False)
    # Two programs round apart, and six steps let it grow; verdicts that counted would differ
    # by a hundred times as much.
    plain, weighed = (checkpoint.load_last_weights(str(run))[0] for run in (tiny_run, tmp_path))
    assert_same(plain, weighed, rtol=1e-4, atol=1e-5)
    for row in read_metrics(str(tmp_path)):
        verdicts = [row[f"train/{name}"] for name in ("clean", "hard", "noisy")]
        assert sum(verdicts) == pytest.approx(1, abs=1e-5)
        levels = [row[f"train/agree_{i}"] for i in range(1, 5)]
        assert sum(levels) == pytest.approx(1, abs=1e-5)


def test_views_leave_the_clips_as_they_are(built_clips):
    config = tiny.config(built_clips)
    source = open_sources(config).train
    plain, viewed = [], []
    for found, method in ((plain, "none"), (viewed, "agreement")):
        config.robust.method = method
        found += training_batches(config, source, start_step=0, num_steps=4)
    for without, batch in zip(plain, viewed, strict=True):
        np.testing.assert_array_equal(batch["clips"], without["clips"])
        np.testing.assert_array_equal(batch["labels"], without["labels"])
        assert batch["views"].shape == (4, 4, 4, 32, 32, 3)
        own = {clip_dataset.numbers_in(frame)[0] for frame in batch["clips"][0]}
        of_views = {clip_dataset.numbers_in(f)[0] for view in batch["views"][0] for f in view}
        assert len(own) == 1 and of_views == own
    different = [np.ptp(batch["views"].astype(int), axis=1).max() for batch in viewed]
    assert max(different) > 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "magic"}, "choose none, agreement or small_loss"),
        ({"method": "agreement", "source": "votes"}, "choose resample or instances"),
        ({"method": "agreement", "source": "instances"}, "gca_ial does not: use resample"),
        ({"method": "agreement", "views": 1}, "fewer than 2 can not disagree"),
        ({"method": "small_loss", "noise_rate": 1.5}, r"must lie in \[0, 1\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message, built_clips):
    config = tiny.gca(built_clips)
    config.robust.update(change)
    with pytest.raises(UserError, match=message):
        experiment.check(config, ONE)
