"""Gradient accumulation: the same step, computed in parts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dfer_jax.errors import UserError
from dfer_jax.runtime import parallel
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.step import Objective, make_init, make_train_step

ONE, TWO = (parallel.over(jax.devices()[:n]) for n in (1, 2))


class Pooled(nn.Module):
    """Three dense layers on every pixel; with or without BatchNorm in between."""

    norm: bool
    axis_name: str | None = None

    @nn.compact
    def __call__(self, clips, *, train):
        seen = self.variable("batch_stats", "calls", lambda: jnp.zeros(()))
        if train:
            seen.value += 1
        x = clips
        for _ in range(3):
            x = nn.Dense(16)(x)
            if self.norm:
                x = nn.BatchNorm(not train, momentum=0.9, axis_name=self.axis_name)(x)
            x = nn.tanh(x)
        return nn.Dense(7)(x.mean(axis=(1, 2, 3))), {"aux_logits": {}}


class Brighten(Augmentation):
    """Quick to compile; still every clip by its own key."""

    def __call__(self, keys, clips):
        light = jax.vmap(jax.random.uniform)(keys)
        return clips.astype(jnp.float32) / 255 * light[:, None, None, None, None]


def build(devices, accumulation_steps, *, norm):
    optimizer = optax.sgd(0.1, momentum=0.9)
    model = Pooled(norm, devices.axis_name)
    init = make_init(Pooled(norm), optimizer, seed=0, clip_shape=(2, 16, 16, 3))
    off = {"gap_weight": 0.0, "gap_form": "positive", "gap_eps": 0.02, "gap_log_base": "e"}
    decay = {"gap_decay_amplitude": 1.0, "gap_decay_rate": 0.0, "steps_per_epoch": 5}
    step = make_train_step(
        model,
        optimizer,
        objective=Objective(ial_weight=0.1, aux_weights={}, **off, **decay),
        augmentation=Brighten(18, (1.0, 1.0), (1.0, 1.0), 0.0, 0.0, 1.0),
        seed=0,
        parallel=devices,
        accumulation_steps=accumulation_steps,
    )
    return step, devices.replicate(jax.jit(init)())


def batch_of(size, *, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "clips": rng.integers(0, 256, (size, 2, 18, 18, 3), np.uint8),
        "labels": rng.integers(0, 7, size).astype(np.int32),
    }


def run(devices, accumulation_steps, *, norm, size=8):
    step, state = build(devices, accumulation_steps, norm=norm)
    for seed in range(2):
        state, metrics = step(state, devices.put(batch_of(size, seed=seed)))
    return state, jax.device_get(metrics)


def assert_close(found, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected
    )


def test_accumulated_equals_whole_without_batch_statistics():
    (whole, metrics), (parts, same_metrics) = (run(ONE, n, norm=False) for n in (1, 4))
    assert_close(parts.params, whole.params)
    assert_close(parts.opt_state, whole.opt_state)
    assert_close(same_metrics, metrics)
    assert int(parts.step) == int(whole.step) == 2
    first = build(ONE, 1, norm=False)[1]
    assert (
        np.abs(whole.params["Dense_3"]["kernel"] - first.params["Dense_3"]["kernel"]).max() > 1e-3
    )


def test_running_statistics_move_once_for_each_micro_batch():
    assert [run(ONE, n, norm=True)[0].batch_stats["calls"] for n in (1, 4)] == [2, 8]


def test_two_devices_accumulate_the_same_micro_batches_as_one():
    (one, metrics), (two, same_metrics) = (run(d, 2, norm=True) for d in (ONE, TWO))
    assert_close(two.params, one.params)
    assert_close(two.batch_stats, one.batch_stats)
    assert_close(same_metrics, metrics)
    whole = run(ONE, 1, norm=True)[0]  # other statistics, other parameters
    kernels = [np.asarray(state.params["Dense_0"]["kernel"]) for state in (whole, one)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-4


def test_memory_falls_with_the_size_of_a_micro_batch():
    needed = []
    for accumulation_steps in (1, 8):
        step, state = build(ONE, accumulation_steps, norm=True)
        leaves, tree = jax.tree.flatten(state)  # what `lower` looks at are no arrays
        on_leaves = functools.partial(lambda f, t, x, b: f(t.unflatten(x), b), step, tree)
        compiled = jax.jit(on_leaves).lower(leaves, batch_of(64)).compile()
        needed.append(compiled.memory_analysis().temp_size_in_bytes)
    assert needed[1] < needed[0] / 3, needed


def test_micro_batches_must_divide_the_share_of_a_device():
    TWO.check_batch_size("train.batch_size", 40, accumulation_steps=4)
    message = (
        r"train.batch_size=40 cannot be shared evenly by 2 device\(s\), each in "
        r"train.accumulation_steps=8 micro-batches; choose a positive multiple of 16"
    )
    with pytest.raises(UserError, match=message):
        TWO.check_batch_size("train.batch_size", 40, accumulation_steps=8)
    four = parallel.Parallel(tuple(jax.devices()[:2]), processes=2)
    with pytest.raises(UserError, match=r"by 4 device\(s\) of 2 processes; .* multiple of 4"):
        four.check_batch_size("eval.batch_size", 6)
