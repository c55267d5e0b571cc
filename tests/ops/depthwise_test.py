import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.ops.cpu import library
from dfer_jax.ops.depthwise import convolve_depthwise


@pytest.mark.parametrize(("side", "stride", "border"), [(3, 1, 1), (3, 2, 1), (7, 1, 0)])
def test_each_channel_is_convolved_by_itself(side, stride, border):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 8, 9, 5)).astype(np.float32)
    kernel = rng.normal(size=(side, side, 1, 5)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    expected = np.einsum("nhwcij,ijc->nhwc", windows[:, ::stride, ::stride], kernel[:, :, 0])
    found = convolve_depthwise(jnp.asarray(x), jnp.asarray(kernel), stride, border=border)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with library.left_out():
        program = str(jax.make_jaxpr(lambda x, k: convolve_depthwise(x, k, 1, border=1))(x, kernel))
    assert "conv_general" not in program, "an exported program would be slow on CPU"
