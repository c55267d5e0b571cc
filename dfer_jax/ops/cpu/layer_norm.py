"""LayerNorm of float32 and its gradients for CPUs in C++: rows are read once in each direction."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import library

_CHANNELS = 16  # what their number must be a multiple of


def possible(x: Float[Array, "*n c"]) -> bool:
    """Whether these functions can be used here; they are faster then."""
    return x.shape[-1] % _CHANNELS == 0 and library.takes(x)


def forward(
    x: Float[Array, "m c"], scale: Float[Array, " c"], bias: Float[Array, " c"], *, epsilon: float
) -> tuple[Float[Array, "m c"], Float[Array, " m"], Float[Array, " m"]]:
    """Returns the normalised rows, each row's mean, and 1 / sqrt(variance + epsilon)."""
    numbers = jax.ShapeDtypeStruct(x.shape[:1], jnp.float32)
    results = (jax.ShapeDtypeStruct(x.shape, jnp.float32), numbers, numbers)
    call = jax.ffi.ffi_call("dfer_layer_norm", results, vmap_method="sequential")
    return tuple(call(x, scale, bias, epsilon=np.float32(epsilon)))


def gradients(
    dy: Float[Array, "m c"],
    x: Float[Array, "m c"],
    mean: Float[Array, " m"],
    factor: Float[Array, " m"],
    scale: Float[Array, " c"],
) -> tuple[Float[Array, "m c"], Float[Array, " c"], Float[Array, " c"]]:
    """Returns the gradients of rows, scale and bias, given that of the result."""
    channels = jax.ShapeDtypeStruct(scale.shape, jnp.float32)
    results = (jax.ShapeDtypeStruct(x.shape, jnp.float32), channels, channels)
    call = jax.ffi.ffi_call("dfer_layer_norm_gradients", results, vmap_method="sequential")
    return tuple(call(dy, x, mean, factor, scale))
