"""The C++ convolutions, called as XLA calls them."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.ops.cpu import convolution as native
from dfer_jax.ops.cpu import library

pytestmark = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")


@pytest.fixture(scope="module", autouse=True)
def compiled():
    assert library.available()


def _draw(n, height, width, channels, features):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, height, width, channels), np.float32)
    kernel = rng.standard_normal((3, 3, channels, features), np.float32)
    dy = rng.standard_normal((n, height, width, features), np.float32)
    return jnp.asarray(x), jnp.asarray(kernel), jnp.asarray(dy)


def _exact(x, kernel):
    """The convolution in float64."""
    height, width = x.shape[1:3]
    padded = np.pad(np.float64(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(
        padded[:, i : i + height, j : j + width] @ np.float64(kernel[i, j])
        for i in range(3)
        for j in range(3)
    )


def _exact_gradient(x, dy):
    height, width = x.shape[1:3]
    padded = np.pad(np.float64(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [
        np.einsum("nhwc,nhwd->cd", padded[:, i : i + height, j : j + width], np.float64(dy))
        for i in range(3)
        for j in range(3)
    ]
    return np.stack(taps).reshape(3, 3, x.shape[3], -1)


def _rms(found, exact):
    return np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2))


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 1, 32, 32),
        (2, 4, 4, 32, 64),
        (3, 7, 9, 64, 32),
        (70, 6, 5, 96, 64),
        (3, 9, 7, 48, 96),  # with zero channels
        (3, 9, 7, 64, 50),
        (9, 56, 56, 64, 64),
    ],
)
def test_rounding_is_that_of_float32(shape):
    x, kernel, dy = _draw(*shape)
    assert _rms(native.convolve(x, kernel), _exact(x, kernel)) <= 2e-6
    assert _rms(native.kernel_gradient(x, dy), _exact_gradient(x, dy)) <= 2e-6


def test_one_clip_of_a_batch_is_that_clip_alone():
    x, kernel, _ = _draw(6, 10, 11, 64, 64)
    together = native.convolve(x, kernel)
    assert jnp.array_equal(together[4:5], native.convolve(x[4:5], kernel))


def test_the_same_every_time():
    x, kernel, dy = _draw(16, 28, 28, 64, 64)
    values, gradient = native.convolve(x, kernel), native.kernel_gradient(x, dy)
    for _ in range(5):
        assert jnp.array_equal(values, native.convolve(x, kernel))
        assert jnp.array_equal(gradient, native.kernel_gradient(x, dy))


def test_not_a_number_stays_where_it_is():
    x, kernel, _ = _draw(2, 8, 8, 32, 32)
    y = native.convolve(x.at[0, 1, 1, 3].set(jnp.nan), kernel)
    assert jnp.isnan(y[0, :3, :3]).all()
    assert jnp.isfinite(y[1]).all()


def test_two_devices_at_once():
    x, kernel, _ = _draw(8, 14, 14, 64, 64)
    halves = x.reshape(2, 4, 14, 14, 64)
    found = jax.pmap(native.convolve, in_axes=(0, None))(halves, kernel)
    assert jnp.array_equal(found.reshape(x.shape), native.convolve(x, kernel))


def test_over_a_mapped_axis():
    x, kernel, _ = _draw(6, 8, 8, 32, 32)
    found = jax.vmap(native.convolve, in_axes=(0, None))(x.reshape(3, 2, 8, 8, 32), kernel)
    assert jnp.array_equal(found.reshape(x.shape), native.convolve(x, kernel))


@pytest.mark.parametrize(
    ("maps", "kernel"),
    [
        ((2, 8, 8, 40), (3, 3, 40, 32)),  # too many zeros up to a multiple of 32
        ((2, 8, 8, 32), (3, 3, 32, 40)),
        ((2, 8, 8, 48), (3, 3, 48, 48)),
        ((0, 8, 8, 32), (3, 3, 32, 32)),
        ((2, 4, 4, 512), (3, 3, 512, 512)),  # too few tiles for so large a kernel
    ],
)
def test_it_does_not_pay(maps, kernel):
    assert not native.pays(jnp.ones(maps), jnp.ones(kernel))


def test_zero_channels_pay_and_stay_out_of_sight():
    x, kernel, _ = _draw(2, 8, 8, 230, 60)
    assert native.pays(x, kernel)
    norm = [jnp.full(60, value) for value in (0.5, 2.0, 1.0)]
    y = native.convolve(x, kernel, *norm, relu=True)
    expected = np.maximum((_exact(x, kernel) - 0.5) * 2 + 1, 0)
    assert y.shape == expected.shape and _rms(y, expected) <= 2e-6


def test_bfloat16_is_left_to_xla():
    assert not native.pays(jnp.ones((2, 8, 8, 32), jnp.bfloat16), jnp.ones((3, 3, 32, 32)))


def test_a_kernel_of_another_side_is_left_to_xla():
    assert not native.forward_possible(jnp.ones((2, 8, 8, 32)), jnp.ones((5, 5, 32, 32)))


def test_wrong_shapes_are_refused():
    wrong = jax.ShapeDtypeStruct((2, 8, 8, 32), jnp.float32)
    scratch = jax.ShapeDtypeStruct((36 * 32 * 32,), jnp.float32)
    call = jax.ffi.ffi_call("dfer_convolve", (wrong, scratch))
    with pytest.raises(Exception, match="not those of a 3x3 convolution"):
        call(jnp.ones((2, 8, 8, 64)), jnp.ones((3, 3, 32, 32)))


@pytest.mark.parametrize("shape", [(2, 7, 7, 32, 64), (3, 28, 28, 64, 32), (40, 5, 12, 32, 32)])
def test_rounding_at_stride_2_is_that_of_float32(shape):
    x, kernel, _ = _draw(*shape)
    exact = _exact(x, kernel)[:, ::2, ::2]
    assert _rms(native.strided_convolve(x, kernel), exact) <= 1e-6
    dy = jnp.asarray(np.random.default_rng(1).standard_normal(exact.shape), jnp.float32)
    spread = jnp.zeros((*x.shape[:3], dy.shape[3])).at[:, ::2, ::2].set(dy)
    exact_dk = _exact_gradient(x, spread)
    assert _rms(native.strided_kernel_gradient(x, dy), exact_dk) <= 1e-6
    exact_dx = _exact(spread, kernel[::-1, ::-1].swapaxes(2, 3))
    assert _rms(native.strided_maps_gradient(x, kernel, dy), exact_dx) <= 1e-6
