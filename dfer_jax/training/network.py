"""The network of a config or checkpoint, for the devices at hand."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import PyTree

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
    return models.create_model(
        name, **_frozen(kwargs), dtype=compute_dtype(dtype), axis_name=parallel.axis_name
    )


def _frozen(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Modules hash their fields: lists, as JSON gives them, become tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}


def head_leaves(
    name: str, kwargs: Mapping[str, Any], *, clip_shape: Sequence[int]
) -> frozenset[str]:
    """Returns the paths of the variables whose shape depends on the number of classes.

    Args:
        name: of the model.
        kwargs: its arguments, as plain values, `num_classes` among them.
        clip_shape: `(t, h, w, 3)`.
    """
    ours = _shapes(name, kwargs, clip_shape)
    other = _shapes(name, {**kwargs, "num_classes": kwargs["num_classes"] + 1}, clip_shape)
    return frozenset(path for path, shape in ours.items() if other[path] != shape)


def places_of_backbone(name: str, other: str) -> dict[str, str] | None:
    """Returns where a network holds the parts of another, by their names there.

    None if it is not built around that one, or is that one.

    Args:
        name: of the network.
        other: name that a checkpoint gives; need not be a network that is known.
    """
    ours, theirs = models.MODELS[name], models.MODELS.get(other)
    if theirs is None or theirs is ours or not issubclass(ours, theirs):
        return None
    parts = getattr(theirs, "places", None), getattr(ours, "places", None)
    return dict(zip(*parts, strict=True)) if all(parts) else None


def check_weights(variables: PyTree, metadata: Mapping[str, Any], *, folder: str) -> None:
    """Refuses weights that are not those of the network that is said to belong to them.

    Args:
        variables: `{"params", "batch_stats"}`.
        metadata: stored with them.
        folder: where they lie.

    Raises:
        UserError: if there is no such network, or an array is missing, too many or of another
            shape; the first of them is named.
    """
    described, inputs = metadata["model"], metadata["preprocess"]
    if "features" in inputs:
        raise UserError(
            f"the weights in {folder} take features of frames, not pictures; import them "
            "together with the network that computes these"
        )
    frames = inputs.get("window") or inputs["segments"] * inputs["frames_per_segment"]
    clip_shape = (frames, inputs["image_size"], inputs["image_size"], 3)
    try:
        wanted = _shapes(described["name"], described["kwargs"], clip_shape)
    except Exception as error:  # arguments that make no network raise anything
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"the network that {folder} describes cannot be built ({said}); fetch it again, or "
            "export it again with the same version of dfer_jax"
        ) from error
    found = _shapes_of(variables)
    for path in sorted(wanted.keys() | found.keys()):
        if wanted.get(path) != found.get(path):
            there, asked = found.get(path, "absent"), wanted.get(path, "absent")
            raise UserError(
                f"the weights in {folder} are not those of {described['name']} as described there: "
                f"{path[:120]} is {there}, the network's is {asked}; fetch or export it again"
            )


def _shapes(
    name: str, kwargs: Mapping[str, Any], clip_shape: Sequence[int]
) -> dict[str, tuple[int, ...]]:
    init = functools.partial(models.create_model(name, **_frozen(kwargs)).init, train=False)
    clips = jax.ShapeDtypeStruct((1, *clip_shape), jnp.float32)
    return _shapes_of(jax.eval_shape(init, jax.random.key(0), clips))


def _shapes_of(variables: PyTree) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree.leaves_with_path(variables)
    return {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
