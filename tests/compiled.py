"""Functions run as one compiled program; outside of one, each of their parts is compiled alone."""

import jax


def value_and_pullback(function, *inputs, cotangent):
    """Returns a function's value and the gradients of its inputs.

    Args:
        function: of the inputs.
        inputs: arrays.
        cotangent: gives the gradient of the value by its shape.
    """

    def both(dy, *inputs):
        value, pull = jax.vjp(function, *inputs)
        return value, pull(dy)

    value = jax.eval_shape(function, *inputs)
    return jax.jit(both)(cotangent(value.shape).astype(value.dtype), *inputs)
