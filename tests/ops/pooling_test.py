"""Max-pooling against Flax's, values and gradients, ties included."""

import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from compiled import value_and_pullback
from flax import linen as nn

from dfer_jax.ops.cpu import pooling as native
from dfer_jax.ops.pooling import max_pool


def reference(x):
    """Flax's pooling, whose gradient XLA derives."""
    return nn.max_pool(x, window_shape=(3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))


def whole_numbers(shape, levels):
    """Maps of so many levels, the highest of which is 0."""
    return jnp.asarray(-np.random.default_rng(levels).integers(0, levels, shape), jnp.float32)


def normal(shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(2, 8, 6, 3), (1, 2, 2, 1), (3, 14, 14, 5)])
@pytest.mark.parametrize("levels", [1, 3, 1000])  # 1: all places are equal
def test_values_and_gradients_are_those_of_flax(shape, levels):
    x = whole_numbers(shape, levels)
    found, own = value_and_pullback(max_pool, x, cotangent=normal)
    expected, gradients = value_and_pullback(reference, x, cotangent=normal)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(own[0], gradients[0], rtol=1e-5, atol=2e-6)


def test_no_gradient_is_lost():
    _, (gradient,) = value_and_pullback(max_pool, normal((2, 16, 16, 4)), cotangent=np.ones)
    assert np.asarray(gradient).sum() == 2 * 8 * 8 * 4


def test_bfloat16_stays_bfloat16():
    x = jnp.ones((1, 4, 4, 1), jnp.bfloat16)
    y, (gradient,) = value_and_pullback(max_pool, x, cotangent=np.ones)
    assert y.dtype == gradient.dtype == jnp.bfloat16


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
@pytest.mark.parametrize("shape", [(2, 2, 2, 16), (3, 14, 10, 48)])
@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_compiled_and_not_are_the_same_number_for_number(shape, levels, monkeypatch):
    x = whole_numbers(shape, levels)
    assert native.possible(x)
    found, own = value_and_pullback(max_pool, x, cotangent=normal)
    alone = max_pool(x)
    monkeypatch.setattr(native.library, "takes", lambda *_: False)
    expected, gradients = value_and_pullback(max_pool, x, cotangent=normal)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(alone, expected)
    np.testing.assert_array_equal(own[0], gradients[0])


@pytest.mark.parametrize("place", [(0, 0), (3, 4), (6, 5), (7, 7)])
def test_not_a_number_is_seen(place):
    x = np.zeros((2, 8, 8, 16), np.float32)
    x[0, *place, 5] = np.nan
    y = np.asarray(max_pool(jnp.asarray(x)))
    seen = {(row // 2, column // 2) for row in _around(place[0]) for column in _around(place[1])}
    assert {
        (int(i), int(j)) for i, j in zip(*np.where(np.isnan(y[0, ..., 5])), strict=True)
    } == seen
    assert np.isnan(y).sum() == len(seen)


def _around(place):
    """The odd or even places that tell which windows hold one: its own and, if odd, the next's."""
    return (place, place + 1) if place % 2 and place < 7 else (place,)
