import functools

import jax
import jax.numpy as jnp
import numpy as np

from dfer_jax.models import layers


def _init(module, shape):
    return jax.jit(module.init)(jax.random.key(0), jnp.ones(shape))["params"]


def test_dense_is_uniform_in_one_over_root_fan_in():
    params = _init(layers.dense(400, fan_in=100), (1, 100))
    for value in (params["kernel"], params["bias"]):
        assert 0.095 < jnp.abs(value).max() <= 0.1
        np.testing.assert_allclose(value.std(), 0.1 / 3**0.5, rtol=0.06)


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
