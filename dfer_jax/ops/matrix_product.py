"""Matrix product of features and weights whose weight gradient leaves its operands as they lie.

Autodiff asks for the product of the turned gradient with the features; XLA's CPU backend turns the
gradient, and computes whatever led to it once more to do so: for the gradient that runs back along
a transformer's residual connections that is all layers so far. Turned features are there already.
The published network's training step, two cores, JAX 0.10: 591 to 663 ms, without this 641 to 752.

Features are turned in C++, for XLA turns them likewise: through all residual blocks so far. Ten
frames through EMO-AffectNet and back: 2.8 s of processor time, turned by XLA 4.0. Where a layer
narrows its gradient is turned, which is less: from 3,072 channels to 768 it saves a tenth.
"""

from functools import partial

import jax
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import transposition as native

_FEW = 2**20  # features that a cache holds


@jax.custom_vjp
def matrix_product(x: Float[Array, "*n c"], kernel: Float[Array, "c d"]) -> Float[Array, "*n d"]:
    """Returns the product over the last axis of `x`."""
    return lax.dot_general(x, kernel, (((x.ndim - 1,), (0,)), ((), ())))


def as_dot_general(
    x: Float[Array, "*n c"], kernel: Float[Array, "c d"], *_: object, **__: object
) -> Float[Array, "*n d"]:
    """Returns the same to Flax's Dense, which calls it as `lax.dot_general` with these axes."""
    return matrix_product(x, kernel)


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return matrix_product(x, kernel), (x, kernel)


def _backward(saved: tuple[Array, Array], dy: Float[Array, "*n d"]) -> tuple[Array, Array]:
    x, kernel = saved
    last, others = dy.ndim - 1, tuple(range(dy.ndim - 1))
    dx = lax.dot_general(dy, kernel, (((last,), (1,)), ((), ())))
    gradient = partial(lax.dot_general, dimension_numbers=((others, others), ((), ())))
    if native.possible(x):
        gradient = partial(lax.platform_dependent, cpu=_of_turned, default=gradient)
    return dx, gradient(x, dy)


def _of_turned(x: Float[Array, "*n c"], dy: Float[Array, "*n d"]) -> Float[Array, "c d"]:
    x, dy = (features.reshape(-1, features.shape[-1]) for features in (x, dy))
    (n, c), d = x.shape, dy.shape[1]
    if n * c > _FEW and n * d + d * c < n * c:  # less is turned so
        return native.transpose(native.transpose(dy) @ x)
    return native.transpose(x) @ dy


matrix_product.defvjp(_forward, _backward)
