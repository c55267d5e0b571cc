"""Turned matrices of float32 for CPUs in C++, written once and never computed again."""

import jax
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import library


def possible(x: Float[Array, "*n c"]) -> bool:
    """Whether `transpose` can be used here; it is faster then."""
    return library.takes(x)


def transpose(x: Float[Array, "n c"]) -> Float[Array, "c n"]:
    """Returns the turned matrix; only where `possible` says so."""
    result = jax.ShapeDtypeStruct(x.shape[::-1], x.dtype)
    return jax.ffi.ffi_call("dfer_transpose", result, vmap_method="sequential")(x)
