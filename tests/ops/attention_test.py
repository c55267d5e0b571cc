"""Attention, some heads by some or all at once, against float64 and finite differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.ops import attention

HEADS = 2
TOKENS = {"few": (5, 7), "many": (100, 90), "few keys": (2100, 4)}  # queries, keys; many: by heads


def _drawn(name):
    n, m = TOKENS[name]
    random = np.random.default_rng(0)
    return [random.standard_normal((3, size, 8)) for size in (n, m, m)]


def _exact(q, k, v):
    def split(x):
        return x.reshape(3, -1, HEADS, 4).transpose(0, 2, 1, 3)

    scores = split(q) @ split(k).swapaxes(2, 3) / 2
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    y = shares / shares.sum(axis=-1, keepdims=True) @ split(v)
    return y.transpose(0, 2, 1, 3).reshape(q.shape)


@pytest.mark.parametrize("name", TOKENS)
def test_values_and_gradients_are_those_of_the_formula(name):
    inputs = _drawn(name)
    dy = np.cos(np.arange(inputs[0].size)).reshape(inputs[0].shape)
    attend = jax.jit(functools.partial(attention.attend, num_heads=HEADS))
    y, pull = jax.vjp(attend, *(jnp.asarray(x, jnp.float32) for x in inputs))
    np.testing.assert_allclose(y, _exact(*inputs), atol=2e-6)
    gradients = pull(jnp.asarray(dy, jnp.float32))
    random = np.random.default_rng(1)
    for place, gradient in enumerate(gradients):
        step = random.standard_normal(inputs[place].shape)
        sides = []
        for size in (1e-5, -1e-5):
            moved = [x + size * step if k == place else x for k, x in enumerate(inputs)]
            sides.append((_exact(*moved) * dy).sum())
        expected = (sides[0] - sides[1]) / 2e-5
        assert float((gradient * step).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("at_once", [1, 2, 4, 6])
def test_heads_are_the_same_however_many_are_taken_at_once(monkeypatch, at_once):
    monkeypatch.setattr(attention, "_SCORES_AT_ONCE", at_once * 100 * 90)
    inputs = [jnp.asarray(x, jnp.float32) for x in _drawn("many")]  # six heads
    y, pull = jax.vjp(functools.partial(attention.attend, num_heads=HEADS), *inputs)
    exact = _exact(*(np.asarray(x, np.float64) for x in inputs))
    np.testing.assert_allclose(y, exact, atol=2e-6)
    monkeypatch.setattr(attention, "_SCORES_AT_ONCE", 10**9)
    _, pull_all = jax.vjp(functools.partial(attention.attend, num_heads=HEADS), *inputs)
    for own, expected in zip(pull(y), pull_all(y), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-5)


def test_heads_some_by_some_are_for_cpus_alone():
    x = jnp.zeros((8, 200, 8))
    attend = jax.jit(functools.partial(attention.attend, num_heads=HEADS))
    program = attend.trace(x, x, x)
    assert "while" in program.lower(lowering_platforms=("cpu",)).as_text()
    assert "while" not in program.lower(lowering_platforms=("cuda",)).as_text()


def test_bfloat16_has_a_float32_softmax():
    q, k, v = (jnp.asarray(x, jnp.bfloat16) for x in _drawn("many"))
    y = attention.attend(q, k, v, num_heads=HEADS)
    assert y.dtype == jnp.bfloat16
    exact = _exact(*(np.asarray(x, np.float64) for x in (q, k, v)))
    np.testing.assert_allclose(np.asarray(y, np.float64), exact, atol=0.02)


def test_causal_tokens_see_none_after_them():
    q, k, v = (jnp.asarray(x, jnp.float32) for x in _drawn("few"))
    attend = functools.partial(attention.attend, num_heads=HEADS, causal=True)
    y = attend(q, k[:, :5], v[:, :5])
    np.testing.assert_array_equal(attend(q, k[:, :5], v[:, :5].at[:, 3:].set(9.0))[:, :3], y[:, :3])
    np.testing.assert_allclose(y[:, 0], v[:, 0], rtol=1e-6)
