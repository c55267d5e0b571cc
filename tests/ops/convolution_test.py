"""The convolutions written out for CPU speed give XLA's values and gradients."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import value_and_pullback
from jax import lax

from dfer_jax.ops.convolution import convolve
from dfer_jax.ops.cpu import convolution as native
from dfer_jax.ops.cpu import library

LAYOUT = ("NHWC", "HWIO", "NHWC")

with_a_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")


@pytest.mark.parametrize(
    ("height", "width", "stride"),
    [
        *[(1, 1, 1), (2, 2, 1), (3, 2, 1), (3, 3, 1)],  # small: one matrix product
        *[(3, 3, 2), (5, 5, 2), (4, 6, 2)],
        *[(4, 4, 1), (7, 7, 2), (20, 30, 1)],  # XLA's own
        *[(48, 44, 1), (96, 90, 2), (91, 93, 2)],  # large: weight gradient frame by frame
    ],
)
def test_values_and_gradients_are_those_of_xla(height, width, stride):
    (found, expected), gradients = _compare(height, width, stride, channels=4)
    assert jnp.allclose(found, expected, atol=1e-5)
    _check_gradients(gradients)


@pytest.mark.parametrize(
    ("height", "width", "channels"),
    [(4, 4, 64), (7, 7, 65), (6, 5, 64), (9, 14, 64), (46, 46, 64)],
)
def test_half_the_multiplications_give_the_same(height, width, channels, monkeypatch):
    monkeypatch.setattr(native, "possible", lambda x, kernel: False)  # as without a compiler
    (found, expected), gradients = _compare(height, width, 1, channels=channels)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    _check_gradients(gradients)


@pytest.mark.parametrize(("n", "side"), [(1, 4), (8, 4), (2, 5), (1, 7)])
def test_a_kernel_larger_than_its_maps_is_not_transformed(n, side):
    maps, kernel = jnp.zeros((n, side, side, 512)), jnp.zeros((3, 3, 512, 512))
    used = str(
        jax.make_jaxpr(lambda x, k: jax.vjp(lambda x: convolve(x, k, 1), x)[0])(maps, kernel)
    )
    assert used.count("conv_general_dilated") and "dot_general" not in used, used


@with_a_compiler
@pytest.mark.parametrize(
    ("height", "width", "channels", "features"),
    [(4, 4, 32, 64), (7, 6, 64, 32), (5, 13, 96, 32), (46, 50, 32, 32)],
)
def test_a_quarter_of_the_multiplications_gives_the_same(height, width, channels, features):
    maps, kernel = jnp.ones((3, height, width, channels)), jnp.ones((3, 3, channels, features))
    assert native.pays(maps, kernel)
    (found, expected), gradients = _compare(height, width, 1, channels=channels, features=features)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    _check_gradients(gradients)


@with_a_compiler
@pytest.mark.parametrize(
    ("height", "width", "channels", "features"),
    [
        (1, 8, 32, 32),
        (7, 7, 32, 64),
        (4, 9, 64, 96),
        (28, 28, 64, 32),
        (9, 26, 96, 32),
        (14, 50, 32, 64),
    ],
)
def test_stride_2_in_blocks_of_rows_gives_the_same(height, width, channels, features):
    maps, kernel = jnp.ones((3, height, width, channels)), jnp.ones((3, 3, channels, features))
    assert native.possible(maps, kernel)
    (found, expected), gradients = _compare(height, width, 2, channels=channels, features=features)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    _check_gradients(gradients)


@pytest.mark.parametrize(("channels", "features"), [(3, 64), (65, 64), (64, 65)])
def test_odd_channels_at_stride_2_give_the_same(channels, features):
    maps, kernel = jnp.ones((3, 14, 10, channels)), jnp.ones((3, 3, channels, features))
    assert not native.possible(maps, kernel)
    assert native.forward_possible(maps, kernel) == (library.available() and features == 64)
    (found, expected), gradients = _compare(14, 10, 2, channels=channels, features=features)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    _check_gradients(gradients)


@with_a_compiler
@pytest.mark.parametrize(
    ("height", "width", "channels"),
    [(1, 8, 3), (22, 31, 3), (13, 14, 9), (9, 8, 21), (30, 30, 25)],  # 25: the gradient is XLA's
)
def test_kernels_of_stems_give_the_same(height, width, channels):
    maps, kernel = jnp.ones((3, height, width, channels)), jnp.ones((7, 7, channels, 32))
    assert native.forward_possible(maps, kernel) and not native.possible(maps, kernel)
    assert native.strided_kernel_gradient_possible(maps, kernel) == (channels < 25)
    (found, expected), gradients = _compare(
        height, width, 2, side=7, channels=channels, features=32
    )
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    _check_gradients(gradients)


def _compare(height, width, stride, *, channels, features=None, side=3):
    """Returns ours and XLA's: the values, then a pair for each gradient."""
    random = np.random.default_rng(0)
    normal = lambda shape: random.normal(size=shape).astype(np.float32)  # noqa: E731
    x = jnp.asarray(normal((3, height, width, channels)))
    kernel = jnp.asarray(normal((side, side, channels, features or channels + 1)))
    padding = ((side // 2,) * 2,) * 2

    def reference(x, kernel):
        return lax.conv_general_dilated(
            x, kernel, (stride, stride), padding, dimension_numbers=LAYOUT
        )

    def ours(x, kernel):
        return convolve(x, kernel, stride)

    dy = normal(jax.eval_shape(reference, x, kernel).shape)
    (expected, wanted), (found, gradients) = (
        value_and_pullback(f, x, kernel, cotangent=lambda _: dy) for f in (reference, ours)
    )
    return map(np.asarray, (found, expected)), zip(gradients, wanted, strict=True)


def _check_gradients(pairs):
    for gradient, wanted in (map(np.asarray, pair) for pair in pairs):
        assert np.abs(gradient - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_bfloat16_gradients_are_summed_in_float32():
    x = jnp.ones((2, 64, 64, 1), jnp.bfloat16)
    kernel = jnp.ones((3, 3, 1, 1), jnp.bfloat16)
    _, pull = jax.vjp(lambda k: convolve(x, k, 1), kernel)
    (dk,) = pull(jnp.ones((2, 64, 64, 1), jnp.bfloat16))
    assert dk.dtype == jnp.bfloat16
    assert dk[1, 1, 0, 0] == 2 * 64 * 64


@pytest.mark.parametrize(("kernel", "padding"), [(7, 3), (3, 1), (1, 0)])
def test_both_sides_are_padded_alike(kernel, padding):
    """At stride 2 on an even map the first window starts at -padding."""
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    y = convolve(x, jnp.ones((kernel, kernel, 1, 1)), 2)
    padded = np.pad(np.asarray(x[0, :, :, 0]), padding)
    expected = [[padded[i : i + kernel, j : j + kernel].sum() for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_array_equal(y[0, :, :, 0], expected)
