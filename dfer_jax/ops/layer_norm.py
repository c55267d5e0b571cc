"""LayerNorm in float32 whose gradient reads its rows as seldom as it can.

XLA's CPU backend fuses what autodiff makes of a LayerNorm with the residual connections around it,
and computes these once more for each of several sums. Parameters and values are Flax's. 800 rows of
512 on two cores, both directions: 0.5 ms, Flax's 6.2; three transformer blocks 369, with Flax's and
weight gradients by XLA alone 456.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import layer_norm as native


class LayerNorm(nn.Module):
    """Normalises the last axis; the variance is the mean squared deviation.

    Attributes:
        epsilon: added to the variance.
    """

    epsilon: float

    @nn.compact
    def __call__(self, x: Float[Array, "*n c"]) -> Float[Array, "*n c"]:
        """Returns the rows normalised, scaled and shifted; all float32."""
        shape = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        rows = x.reshape(-1, x.shape[-1])
        return _normalise(rows, scale, bias, self.epsilon).reshape(x.shape)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _normalise(
    x: Float[Array, "m c"], scale: Float[Array, " c"], bias: Float[Array, " c"], epsilon: float
) -> Float[Array, "m c"]:
    return _forward(x, scale, bias, epsilon)[0]


def _forward(x: Array, scale: Array, bias: Array, epsilon: float) -> tuple[Array, tuple]:
    by_xla = partial(_forward_by_xla, epsilon=epsilon)
    if native.possible(x):
        in_one_reading = partial(native.forward, epsilon=epsilon)
        found = lax.platform_dependent(x, scale, bias, cpu=in_one_reading, default=by_xla)
    else:
        found = by_xla(x, scale, bias)
    y, mean, factor = found
    return y, (x, mean, factor, scale)


def _backward(
    epsilon: float, saved: tuple[Array, ...], dy: Float[Array, "m c"]
) -> tuple[Float[Array, "m c"], Float[Array, " c"], Float[Array, " c"]]:
    if native.possible(dy):
        return lax.platform_dependent(dy, *saved, cpu=native.gradients, default=_gradients_by_xla)
    return _gradients_by_xla(dy, *saved)


_normalise.defvjp(_forward, _backward)


def _forward_by_xla(
    x: Array, scale: Array, bias: Array, *, epsilon: float
) -> tuple[Array, Array, Array]:
    mean = x.mean(axis=1)
    deviations = x - mean[:, None]
    factor = lax.rsqrt(jnp.square(deviations).mean(axis=1) + epsilon)
    y = deviations * (factor[:, None] * scale[None]) + jnp.broadcast_to(bias, x.shape)
    return y, mean, factor


def _gradients_by_xla(
    dy: Array, x: Array, mean: Array, factor: Array, scale: Array
) -> tuple[Array, Array, Array]:
    normal = (x - mean[:, None]) * factor[:, None]
    rates = dy * jnp.broadcast_to(scale, dy.shape)
    slope = (rates * normal).mean(axis=1, keepdims=True)
    dx = (rates - rates.mean(axis=1, keepdims=True) - normal * slope) * factor[:, None]
    return dx, (dy * normal).sum(axis=0), dy.sum(axis=0)
