"""The largest number along an axis, with a gradient that is always a number."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def largest(x: Float[Array, "*n"], axis: int) -> Float[Array, "*m"]:
    """Returns the maxima; equal ones share the gradient.

    That of `jnp.max` is divided by how many places equal the maximum. XLA may compute `x` once more
    to compare, rounded otherwise; then none does, and 0 / 0 is not a number. Here one always does.
    """
    return x.max(axis=axis)


def _forward(x: Array, axis: int) -> tuple[Array, tuple[Array, Bool[Array, "*n"]]]:
    first = jnp.argmax(x, axis=axis, keepdims=True)
    places = lax.broadcasted_iota(first.dtype, x.shape, axis % x.ndim)
    return largest(x, axis), (x, places == jnp.broadcast_to(first, x.shape))


def _backward(
    axis: int, saved: tuple[Array, Bool[Array, "*n"]], dy: Float[Array, "*m"]
) -> tuple[Array]:
    x, is_first = saved
    peak = jnp.where(is_first, x, 0).sum(axis=axis, keepdims=True)
    is_equal = is_first | (x == jnp.broadcast_to(peak, x.shape))
    shares = jnp.expand_dims(dy, axis) / is_equal.sum(axis=axis, keepdims=True).astype(dy.dtype)
    return (jnp.where(is_equal, jnp.broadcast_to(shares, x.shape), 0),)


largest.defvjp(_forward, _backward)
