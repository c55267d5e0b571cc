"""The network of a config or checkpoint, for the devices at hand."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.runtime.parallel import Parallel

_DTYPES = ("auto", "float32", "bfloat16")


def compute_dtype(name: str) -> jax.typing.DTypeLike:
    """Returns the dtype of activations: float32, bfloat16, or by device for `auto`.

    Raises:
        UserError: if the name is none of these.
    """
    if name not in _DTYPES:
        raise UserError(f"model.dtype={name!r} is unknown; choose from {', '.join(_DTYPES)}")
    if name == "auto":
        name = "bfloat16" if jax.default_backend() == "gpu" else "float32"
    return jax.numpy.dtype(name)


def create_model(
    name: str, kwargs: Mapping[str, Any], *, dtype: str, parallel: Parallel
) -> nn.Module:
    """Returns the model of a checkpoint's or config's plain arguments, for these devices."""
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}
    return models.create_model(
        name, **frozen, dtype=compute_dtype(dtype), axis_name=parallel.axis_name
    )


def head_leaves(
    name: str, kwargs: Mapping[str, Any], *, clip_shape: Sequence[int]
) -> frozenset[str]:
    """Returns the paths of the variables whose shape depends on the number of classes.

    Args:
        name: of the model.
        kwargs: its arguments, as plain values, `num_classes` among them.
        clip_shape: `(t, h, w, 3)`.
    """
    clips = jax.ShapeDtypeStruct((1, *clip_shape), jnp.float32)

    def shapes(num_classes: int) -> dict[str, tuple[int, ...]]:
        frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}
        model = models.create_model(name, **frozen | {"num_classes": num_classes})
        init = functools.partial(model.init, train=False)
        variables = jax.eval_shape(init, jax.random.key(0), clips)
        leaves = jax.tree.leaves_with_path(variables)
        return {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}

    ours, other = shapes(kwargs["num_classes"]), shapes(kwargs["num_classes"] + 1)
    return frozenset(path for path, shape in ours.items() if other[path] != shape)
