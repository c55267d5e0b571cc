import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.models import layers


def _init(module, shape):
    return jax.jit(module.init)(jax.random.key(0), jnp.ones(shape))["params"]


def test_dense_is_uniform_in_one_over_root_fan_in():
    params = _init(layers.dense(400, fan_in=100), (1, 100))
    for value in (params["kernel"], params["bias"]):
        assert 0.095 < jnp.abs(value).max() <= 0.1
        np.testing.assert_allclose(value.std(), 0.1 / 3**0.5, rtol=0.06)


def test_conv_is_normal_by_fan_out_and_not_truncated():
    kernel = _init(layers.conv(64), (1, 8, 8, 32))["kernel"]
    stddev = (2 / (64 * 9)) ** 0.5
    np.testing.assert_allclose(kernel.std(), stddev, rtol=0.03)
    assert jnp.abs(kernel).max() > 3 * stddev


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (1, 0)])
def test_conv_pads_both_sides_alike(kernel, padding):
    """At stride 2 on an even map the first window starts at -padding."""
    module = layers.conv(1, kernel=kernel, stride=2)
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    ones = {"params": {"kernel": jnp.ones((kernel, kernel, 1, 1))}}
    y = module.apply(ones, x)
    padded = np.pad(np.asarray(x[0, :, :, 0]), padding)
    expected = [[padded[i : i + kernel, j : j + kernel].sum() for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_array_equal(y[0, :, :, 0], expected)


def test_basic_block_shortcut_appears_with_stride_or_width():
    for features, stride, has_shortcut in ((8, 1, False), (8, 2, True), (16, 1, True)):
        init = functools.partial(layers.BasicBlock(features, stride=stride).init, train=False)
        variables = jax.eval_shape(init, jax.random.key(0), jnp.ones((1, 4, 4, 8)))
        assert ("shortcut_conv" in variables["params"]) == has_shortcut


def test_basic_block_without_residual_is_the_shortcut():
    block = layers.BasicBlock(3)
    x = jax.random.normal(jax.random.key(2), (2, 4, 4, 3))
    variables = jax.jit(functools.partial(block.init, train=False))(jax.random.key(0), x)
    variables["params"]["bn2"]["scale"] = jnp.zeros(3)
    y, out = jax.jit(functools.partial(block.apply, train=False))(variables, x)
    np.testing.assert_allclose(y, jnp.maximum(x, 0), atol=1e-6)
    assert out == {}


def test_batch_norm_keeps_digits_far_from_zero():
    """Mean 1000, spread 0.1: a difference of moments in float32 would be noise."""
    from flax import linen as nn

    class Norm(nn.Module):
        @nn.compact
        def __call__(self, x):
            return layers.batch_norm(x, train=True, dtype=jnp.float32, axis_name=None)

    x = 1000 + 0.1 * np.random.RandomState(0).standard_normal((512, 1)).astype(np.float32)
    y, _ = jax.jit(Norm().init_with_output)(jax.random.key(0), jnp.asarray(x))
    exact = x.astype(np.float64)
    expected = (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5)
    np.testing.assert_allclose(y, expected, atol=5e-3)


def test_transformer_layer_by_hand():
    """One head of width 2 with the identity for every matrix, and no MLP."""
    layer = layers.TransformerLayer(num_heads=1, head_dim=2, mlp_dim=3)
    x = np.array([[[1.0, -1.0], [2.0, 4.0], [0.5, 0.0]]], np.float32)
    params = _init(layer, x.shape)
    params["qkv"]["kernel"] = jnp.tile(jnp.eye(2), (1, 3))
    params["attention_out"] = {"kernel": jnp.eye(2), "bias": jnp.zeros(2)}
    params["mlp_out"] = {"kernel": jnp.zeros((3, 2)), "bias": jnp.array([0.25, 0.0])}
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    n = ((x - mean) / np.sqrt(var + 1e-5))[0]
    weights = np.exp(n @ n.T / np.sqrt(2))
    weights /= weights.sum(-1, keepdims=True)
    expected = x[0] + weights @ n + [0.25, 0.0]
    y = jax.jit(layer.apply)({"params": params}, jnp.asarray(x))
    np.testing.assert_allclose(y[0], expected, atol=1e-5)


def test_transformer_layer_permutes_with_the_tokens():
    layer = layers.TransformerLayer(num_heads=2, head_dim=3, mlp_dim=8)
    x = jax.random.normal(jax.random.key(1), (2, 5, 4))
    params = {"params": _init(layer, x.shape)}
    order = jnp.array([3, 1, 4, 0, 2])
    apply = jax.jit(layer.apply)
    np.testing.assert_allclose(apply(params, x[:, order]), apply(params, x)[:, order], atol=1e-5)
