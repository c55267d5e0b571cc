"""Random variables of a network by their shapes, without compiling its initialisers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np


def random_variables(model, x):
    """Kernels keep the size of the signal; scales and variances are near 1, the rest near 0."""
    random = np.random.default_rng(0)
    init = functools.partial(model.init, train=False)
    shapes = jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct(x.shape, x.dtype))

    def draw(path, leaf):
        if path[-1].key.endswith("kernel"):
            value = random.normal(size=leaf.shape) * np.sqrt(2 / np.prod(leaf.shape[:-1]))
        else:
            value = random.uniform(-0.1, 0.1, leaf.shape) + (path[-1].key in ("scale", "var"))
        return jnp.asarray(np.asarray(value, leaf.dtype))

    return jax.tree_util.tree_map_with_path(draw, shapes)
