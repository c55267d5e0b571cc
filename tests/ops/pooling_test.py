"""Max-pooling against Flax's, values and gradients, ties included."""

import shutil

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from dfer_jax.ops.cpu import pooling as native
from dfer_jax.ops.pooling import max_pool


def reference(x):
    """Flax's pooling, whose gradient XLA derives."""
    return nn.max_pool(x, window_shape=(3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))


@pytest.mark.parametrize("shape", [(2, 8, 6, 3), (1, 2, 2, 1), (3, 14, 14, 5)])
@pytest.mark.parametrize("levels", [1, 3, 1000])  # 1: all places are equal
def test_values_and_gradients_are_those_of_flax(shape, levels):
    keys = jax.random.split(jax.random.key(levels), 2)
    x = -jax.random.randint(keys[0], shape, 0, levels).astype(jnp.float32)
    dy = jax.random.normal(keys[1], (shape[0], shape[1] // 2, shape[2] // 2, shape[3]))
    found, pull = jax.vjp(max_pool, x)
    expected, expected_pull = jax.vjp(reference, x)
    assert (found == expected).all()
    assert jnp.allclose(pull(dy)[0], expected_pull(dy)[0], atol=2e-6)


def test_no_gradient_is_lost():
    x = jax.random.normal(jax.random.key(0), (2, 16, 16, 4))
    _, pull = jax.vjp(max_pool, x)
    assert pull(jnp.ones((2, 8, 8, 4)))[0].sum() == 2 * 8 * 8 * 4


def test_bfloat16_stays_bfloat16():
    x = jnp.ones((1, 4, 4, 1), jnp.bfloat16)
    y, pull = jax.vjp(max_pool, x)
    assert y.dtype == pull(y)[0].dtype == jnp.bfloat16


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
@pytest.mark.parametrize("shape", [(2, 2, 2, 16), (3, 14, 10, 48)])
@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_compiled_and_not_are_the_same_number_for_number(shape, levels, monkeypatch):
    keys = jax.random.split(jax.random.key(levels), 2)
    x = -jax.random.randint(keys[0], shape, 0, levels).astype(jnp.float32)
    dy = jax.random.normal(keys[1], (shape[0], shape[1] // 2, shape[2] // 2, shape[3]))
    assert native.possible(x)
    found, pull = jax.vjp(max_pool, x)
    alone, gradient = max_pool(x), pull(dy)[0]
    monkeypatch.setattr(native.library, "takes", lambda *_: False)
    expected, pull = jax.vjp(max_pool, x)
    assert (found == expected).all()
    assert (alone == expected).all()
    assert (gradient == pull(dy)[0]).all()


@pytest.mark.parametrize("place", [(0, 0), (3, 4), (6, 5), (7, 7)])
def test_not_a_number_is_seen(place):
    y = max_pool(jnp.zeros((2, 8, 8, 16)).at[0, *place, 5].set(jnp.nan))
    seen = {(row // 2, column // 2) for row in _around(place[0]) for column in _around(place[1])}
    assert {
        (int(i), int(j)) for i, j in zip(*jnp.where(jnp.isnan(y[0, ..., 5])), strict=True)
    } == seen
    assert jnp.isnan(y).sum() == len(seen)


def _around(place):
    """The odd or even places that tell which windows hold one: its own and, if odd, the next's."""
    return (place, place + 1) if place % 2 and place < 7 else (place,)
