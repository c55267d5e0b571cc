import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import random_variables
from recorded_convolutions import recorded_convolutions

from dfer_jax.errors import UserError
from dfer_jax.models.temporal_shift import ShiftedResNet, temporal_shift


def test_channels_move_one_frame_within_their_group():
    frames = jnp.arange(1.0, 9)[:, None, None, None] * jnp.ones((1, 2, 2, 16))
    found = np.asarray(temporal_shift(frames, segment=4))[:, 0, 1]  # [n, c]
    for channel in (0, 1):
        assert found[:, channel].tolist() == [2, 3, 4, 0, 6, 7, 8, 0]
    for channel in (2, 3):
        assert found[:, channel].tolist() == [0, 1, 2, 3, 0, 5, 6, 7]
    for channel in range(4, 16):
        assert found[:, channel].tolist() == list(range(1, 9))


def _shapes(depth, *, size=112):
    """Returns the shapes of parameters and of every block's output for one group of frames."""
    model = ShiftedResNet(depth=depth)

    def run(key, x):
        variables = model.init(key, x, train=False)
        found = model.apply(variables, x, train=False, capture_intermediates=True, mutable=True)
        return variables["params"], found[1]["intermediates"]

    frames = jax.ShapeDtypeStruct((4, size, size, 3), jnp.float32)
    return jax.eval_shape(run, jax.random.key(0), frames)


# torchvision's networks, 11,689,512 and 25,557,032, without their 1000-way classifiers.
@pytest.mark.parametrize(("depth", "count", "factor"), [(18, 11_176_512, 1), (50, 23_508_032, 4)])
def test_sizes_are_those_of_the_imagenet_networks(depth, count, factor, monkeypatch):
    params, found = _shapes(depth)
    assert sum(x.size for x in jax.tree.leaves(params)) == count
    for stage, side in enumerate((28, 14, 7, 4)):
        width = factor * 64 << stage
        outputs = [v["__call__"][0].shape for k, v in found.items() if f"layer{stage + 1}_" in k]
        assert set(outputs) == {(4, side, side, width)}
    assert found["__call__"][0].shape == (4, 512 * factor)
    if depth == 50:  # the stride is on the 3x3 convolution
        shape = (4, 112, 112, 3)
        convolutions = recorded_convolutions(monkeypatch, ShiftedResNet(depth=depth), shape)
        of_second_stage = convolutions[1 + 3 * 3 + 1 :]  # after stem, first stage and its shortcut
        assert of_second_stage[:2] == [(1, 1, (4, 28, 28, 128)), (3, 2, (4, 14, 14, 128))]


def test_frames_of_another_group_are_not_seen():
    model = ShiftedResNet(depth=10, width=8)
    frames = jax.random.uniform(jax.random.key(0), (8, 16, 16, 3))
    variables = random_variables(model, frames)
    apply = jax.jit(functools.partial(model.apply, train=False))
    expected = np.asarray(apply(variables, frames))
    found = np.asarray(apply(variables, frames.at[3].set(0.5)))
    changed = np.abs(found - expected).max(axis=1) > 0
    assert changed.tolist() == [True] * 4 + [False] * 4


def test_unknown_depth_is_refused():
    with pytest.raises(UserError, match="no ResNet of depth 34 here; choose from 10, 18, 50"):
        _shapes(34)


def test_statistics_are_those_of_all_devices():
    frames = jax.random.uniform(jax.random.key(2), (8, 16, 16, 3))
    whole = ShiftedResNet(depth=10, width=8)
    variables = random_variables(whole, frames)
    train = functools.partial(whole.apply, train=True, mutable=["batch_stats"])
    expected = jax.jit(train)(variables, frames)
    parted = whole.clone(axis_name="data")
    train = functools.partial(parted.apply, train=True, mutable=["batch_stats"])
    devices = jax.devices()[:2]
    apply = jax.pmap(train, axis_name="data", in_axes=(None, 0), devices=devices)
    found, statistics = apply(variables, frames.reshape(2, 4, 16, 16, 3))
    np.testing.assert_allclose(found.reshape(8, -1), expected[0], atol=2e-4)
    compare = functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4)
    jax.tree.map(lambda a, b: compare(a[0], b), statistics, expected[1])
