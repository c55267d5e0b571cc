"""The matrix product against XLA's, values and gradients, alone and in Flax's Dense."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import value_and_pullback
from flax import linen as nn

from dfer_jax.models.layers import dense
from dfer_jax.ops.cpu import transposition as native
from dfer_jax.ops.matrix_product import matrix_product


def _normal(shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (2, 3, 4, 5)])
def test_values_and_gradients_are_those_of_xla(shape):
    inputs = jnp.asarray(_normal(shape)), jnp.asarray(_normal((5, 7)))
    (found, own), (expected, gradients) = (
        value_and_pullback(f, *inputs, cotangent=_normal) for f in (matrix_product, jnp.matmul)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    for gradient, wanted in zip(own, gradients, strict=True):
        assert gradient.shape == wanted.shape
        np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 3), (16, 64), (33, 70), (100, 17), (3, 128), (129, 1)]
)
def test_a_matrix_is_turned(shape):
    x = jnp.asarray(_normal(shape))
    assert native.possible(x)
    np.testing.assert_array_equal(native.transpose(x), x.T)


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_compiled_and_not_have_the_same_gradients(monkeypatch):
    inputs = jnp.asarray(_normal((3, 50, 40))), jnp.asarray(_normal((40, 24)))

    def gradients():
        return value_and_pullback(matrix_product, *inputs, cotangent=_normal)[1]

    found = gradients()
    jax.clear_caches()
    monkeypatch.setattr(native.library, "takes", lambda *_: False)
    for own, expected in zip(found, gradients(), strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_where_a_layer_narrows_many_features_their_gradient_is_turned(monkeypatch):
    turned, transpose = [], native.transpose
    monkeypatch.setattr(native, "transpose", lambda x: turned.append(x.shape) or transpose(x))
    x, kernel, dy = (np.rint(_normal(shape)) for shape in ((1200, 1000), (1000, 24), (1200, 24)))
    _, pull = jax.vjp(matrix_product, jnp.asarray(x), jnp.asarray(kernel))
    np.testing.assert_array_equal(pull(jnp.asarray(dy))[1], x.T @ dy)  # whole numbers: exactly
    assert turned == [(1200, 24), (24, 1000)]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_linear_layer_is_that_of_flax(dtype):
    x = jnp.asarray(_normal((2, 6, 8)))
    layer = dense(4, fan_in=8, dtype=dtype)
    variables = jax.jit(layer.init)(jax.random.key(1), x)

    def loss(layer, variables):
        return jnp.square(layer.apply(variables, x)).sum().astype(jnp.float32)

    assert jax.eval_shape(layer.apply, variables, x).dtype == dtype
    gradient = jax.jit(jax.grad(loss, argnums=1), static_argnums=0)
    found, expected = (gradient(module, variables) for module in (layer, nn.Dense(4, dtype=dtype)))
    tolerance = 1e-5 if dtype == jnp.float32 else 0.05
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype == jnp.float32
        assert np.abs(np.asarray(a) - b).max() <= tolerance * np.abs(b).max()
