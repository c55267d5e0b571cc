"""The convolutions written out for CPU speed give XLA's values and gradients."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from dfer_jax.models.convolution import convolve

LAYOUT = ("NHWC", "HWIO", "NHWC")


@pytest.mark.parametrize(
    ("height", "width", "stride", "channels"),
    [
        *[(1, 1, 1, 4), (2, 2, 1, 4), (3, 2, 1, 4), (3, 3, 1, 4)],  # small: one matrix product
        *[(3, 3, 2, 4), (5, 5, 2, 4), (4, 6, 2, 4)],
        *[(4, 4, 1, 4), (7, 7, 2, 4), (20, 30, 1, 4), (7, 7, 2, 64)],  # XLA's own
        *[(48, 44, 1, 4), (96, 90, 2, 4), (91, 93, 2, 4)],  # large: weight gradient by frames
        *[(4, 4, 1, 64), (7, 7, 1, 65), (6, 5, 1, 64)],  # half the multiplications
        *[(9, 14, 1, 64), (46, 46, 1, 64)],
    ],
)
def test_values_and_gradients_are_those_of_xla(height, width, stride, channels):
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (3, height, width, channels))
    kernel = jax.random.normal(keys[1], (3, 3, channels, channels + 1)) / channels**0.5
    padding = ((1, 1), (1, 1))

    def reference(x, kernel):
        return lax.conv_general_dilated(
            x, kernel, (stride, stride), padding, dimension_numbers=LAYOUT
        )

    def ours(x, kernel):
        return convolve(x, kernel, (stride, stride), padding, dimension_numbers=LAYOUT)

    expected, expected_pull = jax.vjp(reference, x, kernel)
    found, pull = jax.vjp(jax.jit(ours), x, kernel)
    assert jnp.abs(found - expected).max() <= 1e-5 * jnp.abs(expected).max()
    dy = jax.random.normal(keys[2], expected.shape)
    for gradient, wanted in zip(pull(dy), expected_pull(dy), strict=True):
        assert jnp.abs(gradient - wanted).max() <= 1e-5 * jnp.abs(wanted).max()


def test_bfloat16_gradients_are_summed_in_float32():
    x = jnp.ones((2, 64, 64, 1), jnp.bfloat16)
    kernel = jnp.ones((3, 3, 1, 1), jnp.bfloat16)
    _, pull = jax.vjp(lambda k: convolve(x, k, (1, 1), ((1, 1), (1, 1))), kernel)
    (dk,) = pull(jnp.ones((2, 64, 64, 1), jnp.bfloat16))
    assert dk.dtype == jnp.bfloat16
    assert dk[1, 1, 0, 0] == 2 * 64 * 64
