"""LayerNorm against Flax's and against float64: values, gradients, compiled and not."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dfer_jax.ops.cpu import layer_norm as native
from dfer_jax.ops.layer_norm import LayerNorm

EPSILON = 1e-6
SHAPES = [
    (1, 16),
    (3, 5, 48),
    (2, 100, 64),  # more rows than parts
    (2, 5, 20),  # channels that the C++ does not take
    (7, 2, 3, 512),
]
with_a_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")


def _case(shape, *, mean=2.0):
    """Returns rows, a gradient for them and parameters."""
    random = np.random.default_rng(0)
    x = mean + 3 * random.normal(size=shape)
    params = {"scale": random.normal(size=shape[-1:]), "bias": random.normal(size=shape[-1:])}
    arrays = (x, random.normal(size=shape), params)
    return jax.tree.map(lambda values: jnp.asarray(values, jnp.float32), arrays)


def _results(norm, x, dy, params):
    """Returns the values and the gradients of parameters and rows."""
    y, pull = jax.vjp(lambda params, x: norm.apply({"params": params}, x), params, x)
    return {"y": y, "gradients": pull(dy)}


def _assert_close(found, expected, tolerance=2e-6):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        a, b = np.asarray(a), np.asarray(b)
        assert np.abs(a - b).max() <= tolerance * (1 + np.abs(b).max())


@pytest.mark.parametrize("shape", SHAPES)
def test_all_is_as_in_flax(shape):
    case = _case(shape)
    own, flax = LayerNorm(EPSILON), nn.LayerNorm(epsilon=EPSILON, use_fast_variance=False)
    _assert_close(_results(own, *case), _results(flax, *case))
    init = [norm.init(jax.random.key(0), case[0]) for norm in (own, flax)]
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), *init))


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_float64(shape):
    x, dy, params = _case(shape)
    found = _results(LayerNorm(EPSILON), x, dy, params)
    with jax.enable_x64(True):
        case = jax.tree.map(lambda values: jnp.asarray(np.float64(values)), (params, x, dy))

        def exact(params, x):
            deviations = x - x.mean(-1, keepdims=True)
            variance = jnp.square(deviations).mean(-1, keepdims=True)
            scale, bias = (jnp.broadcast_to(params[name], x.shape) for name in ("scale", "bias"))
            return deviations / jnp.sqrt(variance + EPSILON) * scale + bias

        y, pull = jax.vjp(exact, *case[:2])
        expected = {"y": y, "gradients": pull(case[2])}
    _assert_close(found, expected)


@with_a_compiler
@pytest.mark.parametrize("shape", [(3, 5, 48), (2, 100, 64)])
def test_compiled_and_not_are_the_same(shape, monkeypatch):
    case = _case(shape)
    assert native.possible(case[0])
    found = _results(LayerNorm(EPSILON), *case)
    monkeypatch.setattr(native.library, "takes", lambda *_: False)
    _assert_close(found, _results(LayerNorm(EPSILON), *case))


@pytest.mark.parametrize("channels", [16, 20])  # compiled and not
def test_a_mean_far_from_zero_costs_no_digits(channels):
    x, dy, params = _case((6, channels), mean=4096.0)
    y = _results(LayerNorm(EPSILON), x, dy, params)["y"]
    exact = np.float64(x)
    exact = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    exact = exact * np.float64(params["scale"]) + np.float64(params["bias"])
    assert np.abs(y - exact).max() <= 1e-3  # of which the rounded mean leaves 4096 * 2**-24


@with_a_compiler
def test_not_a_number_stays_in_its_row():
    x, dy, params = _case((4, 32))
    found = _results(LayerNorm(EPSILON), x.at[2, 5].set(jnp.nan), dy, params)
    assert np.isnan(found["y"]).all(axis=1).tolist() == [False, False, True, False]
    assert np.isnan(found["gradients"][1]).any(axis=1).tolist() == [False, False, True, False]


@with_a_compiler
def test_clips_beside_each_other_are_as_one_by_one():
    x, _, params = _case((3, 5, 32))
    apply = lambda x: LayerNorm(EPSILON).apply({"params": params}, x)  # noqa: E731
    np.testing.assert_array_equal(jax.vmap(apply)(x), apply(x))
