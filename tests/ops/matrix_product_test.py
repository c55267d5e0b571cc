"""The matrix product against XLA's, values and gradients, alone and in Flax's Dense."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from dfer_jax.models.layers import dense
from dfer_jax.ops.matrix_product import matrix_product


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (2, 3, 4, 5)])
def test_values_and_gradients_are_those_of_xla(shape):
    keys = jax.random.split(jax.random.key(0), 3)
    x, kernel = jax.random.normal(keys[0], shape), jax.random.normal(keys[1], (5, 7))
    found, pull = jax.vjp(matrix_product, x, kernel)
    expected, expected_pull = jax.vjp(jnp.matmul, x, kernel)
    dy = jax.random.normal(keys[2], expected.shape)
    assert jnp.allclose(found, expected, atol=1e-5)
    for gradient, wanted in zip(pull(dy), expected_pull(dy), strict=True):
        assert gradient.shape == wanted.shape
        assert jnp.allclose(gradient, wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_linear_layer_is_that_of_flax(dtype):
    x = jax.random.normal(jax.random.key(0), (2, 6, 8))
    layer = dense(4, fan_in=8, dtype=dtype)
    variables = layer.init(jax.random.key(1), x)

    def loss(layer, variables):
        return jnp.square(layer.apply(variables, x)).sum().astype(jnp.float32)

    assert layer.apply(variables, x).dtype == dtype
    found = jax.grad(loss, argnums=1)(layer, variables)
    expected = jax.grad(loss, argnums=1)(nn.Dense(4, dtype=dtype), variables)
    tolerance = 1e-5 if dtype == jnp.float32 else 0.05
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype == jnp.float32
        assert jnp.abs(a - b).max() <= tolerance * jnp.abs(b).max()
