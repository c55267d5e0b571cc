"""The largest number along an axis, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import value_and_pullback

from dfer_jax.ops import largest as module
from dfer_jax.ops.largest import largest


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_values_and_gradients_are_those_of_jax(axis):
    x = jnp.asarray(np.random.default_rng(0).integers(0, 4, size=(3, 4, 5)), jnp.float32)
    (expected, gradients), (found, own) = (
        value_and_pullback(
            f, x, cotangent=lambda s: np.sin(1 + np.arange(np.prod(s), dtype="f4")).reshape(s)
        )
        for f in (lambda x: x.max(axis=axis), lambda x: largest(x, axis))
    )
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(own[0], gradients[0], rtol=1e-6)


def test_infinity_is_no_obstacle_and_what_is_not_a_number_stays():
    assert jax.grad(lambda x: largest(x, 0))(jnp.asarray([-jnp.inf, -2.0])).tolist() == [0, 1]
    assert jnp.isnan(largest(jnp.asarray([1.0, jnp.nan, 3.0]), 0))


def test_numbers_that_were_rounded_otherwise_still_give_a_gradient():
    """As if XLA had computed them once more: none equals what was the maximum before."""
    x = jnp.asarray([1.0, 3.0, 2.0])
    _, (_, is_first) = module._forward(x, 0)
    again = x * (1 + 1e-7)
    assert module._backward(0, (again, is_first), jnp.asarray(5.0))[0].tolist() == [0, 5, 0]
