"""Convolution and BatchNorm in one: against Flax's layers, however it is computed."""

import shutil
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dfer_jax.ops.conv_norm import conv_norm
from dfer_jax.ops.cpu import library

with_a_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
# Height, width, channels, features, kernel, stride; the first two in C++ where there is a compiler.
CASES = [(9, 10, 32, 64, 3, 1), (14, 9, 3, 32, 3, 2), (8, 8, 5, 6, 7, 2), (6, 6, 8, 4, 1, 2)]


class Ours(nn.Module):
    features: int
    kernel: int
    stride: int
    train: bool
    relu: bool
    dtype: type = jnp.float32

    @nn.compact
    def __call__(self, x):
        return conv_norm(
            x,
            self.features,
            kernel=self.kernel,
            stride=self.stride,
            train=self.train,
            relu=self.relu,
            dtype=self.dtype,
            axis_name=None,
            name="stem_conv1",
        )


class Flax(Ours):
    @nn.compact
    def __call__(self, x):
        sides, border = (self.kernel,) * 2, ((self.kernel // 2,) * 2,) * 2
        options = {"strides": self.stride, "padding": border, "use_bias": False}
        y = nn.Conv(self.features, sides, name="stem_conv1", **options)(x)
        norm = nn.BatchNorm(not self.train, momentum=0.9, use_fast_variance=False, name="stem_bn1")
        return nn.relu(norm(y)) if self.relu else norm(y)


def _case(height, width, channels, features, kernel):
    random = np.random.default_rng(0)
    normal = lambda *shape: jnp.asarray(random.normal(size=shape).astype(np.float32))  # noqa: E731
    params = {
        "stem_conv1": {"kernel": normal(kernel, kernel, channels, features)},
        "stem_bn1": {"scale": normal(features), "bias": normal(features)},
    }
    moments = {"mean": normal(features), "var": jnp.exp(normal(features))}
    x = normal(2, height, width, channels)
    return x, {"params": params, "batch_stats": {"stem_bn1": moments}}


def _results(module, x, variables):
    """Values, statistics afterwards, gradients of maps and parameters."""

    def apply(x, params):
        return module.apply({**variables, "params": params}, x, mutable=["batch_stats"])

    y, pull, after = jax.vjp(apply, x, variables["params"], has_aux=True)
    dy = jax.random.normal(jax.random.key(1), y.shape)
    return {"y": apply(x, variables["params"])[0], "after": after, "gradients": pull(dy)}


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(("height", "width", "channels", "features", "kernel", "stride"), CASES)
def test_all_is_as_in_flax(height, width, channels, features, kernel, stride, train, relu):
    case = _case(height, width, channels, features, kernel)
    found, expected = (
        jax.jit(partial(_results, module(features, kernel, stride, train, relu)))(*case)
        for module in (Ours, Flax)
    )
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert np.abs(a - b).max() <= 2e-5 * (1 + np.abs(b).max())


@with_a_compiler
@pytest.mark.parametrize("size", CASES[:2])
def test_compiled_and_not_are_the_same(size, monkeypatch):
    *_, features, kernel, stride = size
    module = Ours(features, kernel, stride, train=False, relu=True)
    x, variables = _case(*size[:5])
    assert "ffi_call" in str(jax.make_jaxpr(module.apply)(variables, x))
    found = module.apply(variables, x)
    monkeypatch.setattr(library, "takes", lambda *_: False)
    assert jnp.abs(found - module.apply(variables, x)).max() <= 1e-5 * found.max()


@pytest.mark.parametrize("size", CASES)
def test_not_a_number_is_seen(size):
    *_, features, kernel, stride = size
    x, variables = _case(*size[:5])
    x = x.at[1, 4, 4, 0].set(jnp.nan)
    y = Ours(features, kernel, stride, train=False, relu=True).apply(variables, x)
    assert jnp.isnan(y[1]).any()
    assert not jnp.isnan(y[0]).any()


def test_digits_are_kept_far_from_zero():
    """Mean 1000, spread 0.1: a difference of moments in float32 would be noise."""
    module = Ours(1, 1, 1, train=True, relu=False)
    x = 1000 + 0.1 * np.random.RandomState(0).standard_normal((512, 1, 1, 1))
    x = jnp.asarray(x, jnp.float32)
    variables = module.init(jax.random.key(0), x)
    variables["params"]["stem_conv1"]["kernel"] = jnp.ones((1, 1, 1, 1))
    y, _ = module.apply(variables, x, mutable=["batch_stats"])
    exact = np.float64(x)
    expected = (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5)
    np.testing.assert_allclose(y, expected, atol=5e-3)


def test_bfloat16_is_normalised_in_float32():
    x, variables = _case(8, 8, 4, 4, 3)
    found, exact = (
        Ours(4, 3, 1, train=True, relu=False, dtype=dtype).apply(
            variables, x, mutable=["batch_stats"]
        )
        for dtype in (jnp.bfloat16, jnp.float32)
    )
    assert found[0].dtype == jnp.bfloat16
    assert jnp.abs(found[0].astype(jnp.float32) - exact[0]).max() <= 0.05
    for a, b in zip(*map(jax.tree.leaves, (found[1], exact[1])), strict=True):
        assert a.dtype == jnp.float32
        assert jnp.abs(a - b).max() <= 0.02 * jnp.abs(b).max()


def test_initial_kernels_are_normal_by_fan_out_and_not_truncated():
    x = jnp.ones((1, 8, 8, 32))
    found, expected = (
        module(64, 3, 1, train=False, relu=True).init(jax.random.key(0), x)
        for module in (Ours, Flax)
    )
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(jnp.shape, expected)
    kernel, stddev = found["params"]["stem_conv1"]["kernel"], (2 / (64 * 9)) ** 0.5
    np.testing.assert_allclose(kernel.std(), stddev, rtol=0.03)
    assert jnp.abs(kernel).max() > 3 * stddev
