"""What the convolutions of a network are, found by watching them."""

import jax
import jax.numpy as jnp

from dfer_jax.ops import conv_norm


def recorded_convolutions(monkeypatch, model, shape):
    """Returns (kernel side, stride, shape of the result) of each, in order, for maps of a shape."""
    found, convolve = [], conv_norm.convolve

    def watched(x, kernel, stride):
        y = convolve(x, kernel, stride)
        found.append((kernel.shape[0], stride, y.shape))
        return y

    def run(key, x):
        variables = model.init(key, x, train=False)
        found.clear()
        return model.apply(variables, x, train=True, mutable=["batch_stats"])

    monkeypatch.setattr(conv_norm, "convolve", watched)
    jax.eval_shape(run, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))
    return found
