"""The stem of GCA+IAL in evaluation, float32, for CPUs in C++: one map after the other.

What is in between stays in the cache. 64 maps of 112 x 112 x 3 to 28 x 28 x 64 on two cores: 29 ms;
its three parts one after the other 41.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import convolution


def possible(x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"]) -> bool:
    """Whether `stem` can be used here, `kernel` being the first; it is faster then."""
    whole = x.shape[1] % 4 == x.shape[2] % 4 == 0
    return whole and convolution.forward_possible(x, kernel)


def stem(
    x: Float[Array, "n h w c"],
    kernel1: Float[Array, "3 3 c d"],
    norm1: Sequence[Float[Array, " d"]],
    kernel2: Float[Array, "3 3 d d"],
    norm2: Sequence[Float[Array, " d"]],
) -> Float[Array, "n i j d"]:
    """Convolves at stride 2, normalises, convolves, normalises and takes maxima, ReLUs between.

    Only where `possible` says so. `norm1` and `norm2` are mean, factor and bias.
    """
    n, height, width, _ = x.shape
    d = kernel1.shape[3]
    shape, scratch = (n, height // 4, width // 4, d), kernel1.size + convolution.POINTS * d * d
    results = [jax.ShapeDtypeStruct(size, jnp.float32) for size in (shape, (scratch,))]
    call = jax.ffi.ffi_call("dfer_stem", results, vmap_method="sequential")
    return call(x, kernel1, *norm1, kernel2, *norm2)[0]
