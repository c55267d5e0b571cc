"""3D convolution by neighbouring frames against XLA's own, and pooling against windows by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import value_and_pullback
from flax import linen as nn
from jax import lax

from dfer_jax.ops.batch_norm import Norm, normalise
from dfer_jax.ops.convolution_3d import (
    border,
    convolve_3d,
    convolve_and_normalise_3d,
    same_padding,
)
from dfer_jax.ops.pooling_3d import max_pool_3d

SHAPES = {  # frames, kernel, stride
    "3x3x3": (5, (3, 3, 3), (1, 1, 1)),
    "3x3x3 of one frame": (1, (3, 3, 3), (1, 1, 1)),
    "7x7x7 at stride 1 and 2": (3, (7, 7, 7), (1, 2, 2)),
    "3x3x3 at stride 2, odd": (5, (3, 3, 3), (2, 2, 2)),
    "3x1x1 at stride 2": (4, (3, 1, 1), (2, 1, 1)),
    "5x1x1 to fewer channels": (4, (5, 1, 1), (1, 1, 1)),
    "1x1x1 at stride 2": (4, (1, 1, 1), (2, 2, 2)),
    "1x3x3": (2, (1, 3, 3), (1, 2, 2)),
}


def _direct(x, kernel, *, stride, padding):
    layout = ("NDHWC", "DHWIO", "NDHWC")
    return lax.conv_general_dilated(x, kernel, stride, padding, dimension_numbers=layout)


def _inputs(frames, kernel):
    random = np.random.default_rng(0)
    channels = (4, 3) if kernel == (5, 1, 1) else (3, 4)
    x = random.normal(size=(2, frames, 8, 8, channels[0]))
    kernel = random.normal(size=(*kernel, *channels))
    return jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)


def _cosines(shape):
    return np.cos(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("padding", ["border", "same"])
def test_values_and_gradients_are_those_of_the_direct_sum(name, padding):
    frames, size, stride = SHAPES[name]
    x, kernel = _inputs(frames, size)
    pads = border(size) if padding == "border" else same_padding(x.shape[1:4], size, stride)
    options = {"stride": stride, "padding": pads}
    (expected, gradients), (found, own) = (
        value_and_pullback(functools.partial(f, **options), x, kernel, cotangent=_cosines)
        for f in (_direct, convolve_3d)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4, err_msg="values")
    for ours, theirs, what in zip(own, gradients, ("maps", "kernel"), strict=True):
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-5, atol=2e-4, err_msg=f"gradient of {what}"
        )


@pytest.mark.parametrize("padding", ["border", "same"])
def test_normalising_at_once_is_normalising_afterwards(padding):
    x, kernel = _inputs(4, (3, 7, 7))
    stride = (1, 2, 2)
    pads = border((3, 7, 7)) if padding == "border" else same_padding((4, 8, 8), (3, 7, 7), stride)
    norm = Norm(jnp.arange(4.0), 1 + jnp.arange(4.0), jnp.ones(4))
    options = {"stride": stride, "padding": pads}

    def at_once(x):
        return convolve_and_normalise_3d(x, kernel, norm, relu=True, **options)

    def afterwards(x):
        return normalise(_direct(x, kernel, **options), norm, True)

    found = [jax.jit(f)(x) for f in (at_once, afterwards)]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=5e-4)
    gradients = [
        jax.jit(jax.grad(lambda x, f=f: jnp.sin(f(x)).sum()))(x) for f in (at_once, afterwards)
    ]
    np.testing.assert_allclose(*gradients, atol=2e-3)


def test_on_another_platform_it_is_xlas_own():
    x, kernel = _inputs(4, (3, 3, 3))
    function = jax.jit(functools.partial(convolve_3d, stride=(1, 1, 1), padding=((1, 1),) * 3))
    text = function.trace(x, kernel).lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("stablehlo.convolution") == 1, "one direct convolution"
    assert "tensor<3x3x3x3x4xf32>" in text, "in three dimensions"


@pytest.mark.parametrize(
    ("window", "stride", "padding"),
    [
        ((3, 3, 3), (2, 2, 2), ((1, 1),) * 3),
        ((2, 2, 2), (2, 2, 2), ((0, 0), (1, 1), (1, 1))),
        ((1, 2, 2), (1, 2, 2), ((0, 0),) * 3),
        ((3, 3, 3), (1, 1, 1), ((1, 1),) * 3),
        ((2, 1, 1), (2, 1, 1), ((0, 0),) * 3),
    ],
)
def test_maxima_and_their_gradients_are_flaxs(window, stride, padding):
    x, _ = _inputs(5, (1, 1, 1))
    x = x[:, :, :7, :6]
    options = {"strides": stride, "padding": padding}
    pool = functools.partial(max_pool_3d, window=window, stride=stride, padding=padding)
    reference = functools.partial(nn.max_pool, window_shape=window, **options)
    (expected, gradients), (found, own) = (
        value_and_pullback(f, x, cotangent=_cosines) for f in (reference, pool)
    )
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(own[0], gradients[0], atol=1e-6)
