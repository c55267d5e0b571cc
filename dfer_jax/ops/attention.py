"""Attention: softmax(q k^T / sqrt(e)) v in each head, the softmax float32.

On CPU of many tokens a few heads after the others, whose scores stay in the cache and need not be
laid out anew; the gradient makes them again instead of keeping them. 800 tokens, 8 heads of 64, one
core: 18 ms against 54 by batched products, with the gradients 52 against 104 (XLA of JAX 0.10). 16
frames of 197 tokens, 12 heads of 64, two cores: 37 ms by six heads, 44 by one, with the gradients
134 and 150.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import library

_FEW_SCORES = 8192  # of a head; with 50 tokens both take as long
_SCORES_AT_ONCE = 2**18  # 1 MiB, what a core's cache holds


def attend(
    q: Float[Array, "b n d"],
    k: Float[Array, "b m d"],
    v: Float[Array, "b m d"],
    *,
    num_heads: int,
    causal: bool = False,
) -> Float[Array, "b n d"]:
    """Returns what each query takes of the values; heads lie one behind the other in a channel.

    Args:
        q: queries.
        k: keys.
        v: values.
        num_heads: heads of d / `num_heads` channels each.
        causal: whether a token sees only itself and those before it, n = m.
    """
    b, n, width = q.shape
    q, k, v = (x.reshape(b, x.shape[1], num_heads, width // num_heads) for x in (q, k, v))
    q = q * q.shape[-1] ** -0.5
    if causal or library.is_left_out() or n * k.shape[1] < _FEW_SCORES:
        scores = jnp.einsum("bqge,bkge->bgqk", q, k, preferred_element_type=jnp.float32)
        if causal:
            before = jnp.tril(jnp.ones((n, n), bool))
            scores = jnp.where(jnp.broadcast_to(before, scores.shape), scores, -jnp.inf)
        weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
        return jnp.einsum("bgqk,bkge->bqge", weights, v).reshape(b, n, width)
    heads = (x.swapaxes(1, 2).reshape(b * num_heads, x.shape[1], -1) for x in (q, k, v))
    y = _by_heads(*heads).reshape(b, num_heads, n, -1)
    return y.swapaxes(1, 2).reshape(b, n, width)


@jax.custom_vjp
def _by_heads(
    q: Float[Array, "g n e"], k: Float[Array, "g m e"], v: Float[Array, "g m e"]
) -> Float[Array, "g n e"]:
    return _each(_of_head, q, k, v)


def _forward(*inputs: Array) -> tuple[Array, tuple]:
    return _by_heads(*inputs), inputs


def _backward(inputs: tuple, dy: Array) -> tuple:
    def pull(dy: Array, *inputs: Array) -> tuple:
        return jax.vjp(_of_head, *inputs)[1](dy)

    return _each(pull, dy, *inputs)


_by_heads.defvjp(_forward, _backward)


def _of_head(
    q: Float[Array, "n e"], k: Float[Array, "m e"], v: Float[Array, "m e"]
) -> Float[Array, "n e"]:
    last = (((1,), (1,)), ((), ()))
    scores = lax.dot_general(q, k, last, preferred_element_type=jnp.float32)
    return jax.nn.softmax(scores, axis=-1).astype(v.dtype) @ v


def _each(function: Callable, *inputs: Array) -> Array | tuple:
    """Returns what the function makes of every head: some by some on CPU, else all at once."""
    queries, keys = inputs[-3:-1]
    at_once = _SCORES_AT_ONCE // (queries.shape[1] * keys.shape[1])

    def some_by_some(*inputs: Array) -> Array | tuple:
        many = {"batch_size": at_once} if at_once > 1 else {}
        return lax.map(lambda head: function(*head), inputs, **many)

    return lax.platform_dependent(*inputs, cpu=some_by_some, default=jax.vmap(function))
