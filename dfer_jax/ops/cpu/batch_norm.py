"""What BatchNorm sums over all places of its maps, float32, for CPUs in C++: one reading each."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import library

_CHANNELS = 16  # what their number must be a multiple of


def possible(x: Float[Array, "*n c"]) -> bool:
    """Whether these functions can be used here; they are faster then."""
    return x.shape[-1] % _CHANNELS == 0 and library.takes(x)


def moments(x: Float[Array, "*n c"]) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    """Returns the mean and the biased variance of each channel; only where `possible` says so."""
    call = jax.ffi.ffi_call(
        "dfer_channel_moments", (_channels(x), _channels(x)), vmap_method="sequential"
    )
    mean, variance = call(x.reshape(-1, x.shape[-1]))
    return mean, variance


def gradient_sums(
    x: Float[Array, "*n c"],
    dy: Float[Array, "*n c"],
    mean: Float[Array, " c"],
    factor: Float[Array, " c"],
    bias: Float[Array, " c"],
    *,
    relu: bool,
) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    """Returns the sums over all places of g and of g * (x - mean).

    g is `dy`; with `relu`, only where (x - mean) * factor + bias is above 0, else 0.
    """
    call = jax.ffi.ffi_call(
        "dfer_batch_norm_gradient_sums", (_channels(x), _channels(x)), vmap_method="sequential"
    )
    flat = (-1, x.shape[-1])
    plain, weighted = call(x.reshape(flat), dy.reshape(flat), mean, factor, bias, relu=relu)
    return plain, weighted


def _channels(x: Float[Array, "*n c"]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape[-1:], jnp.float32)
