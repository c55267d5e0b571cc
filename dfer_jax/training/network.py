"""The network of a config or checkpoint, for the devices at hand."""

from collections.abc import Mapping
from typing import Any

import jax
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
