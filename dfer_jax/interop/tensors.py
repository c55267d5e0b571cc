"""Matches the tensors of a release with the leaves of our trees: every name accounted for."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from dfer_jax.errors import UserError, counted, list_some

_LEAF = {
    "kernel": "weight",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
}


class Tensor(NamedTuple):
    """A tensor of a release: its name, its shape, and the way to our layout."""

    name: str
    shape: tuple[int, ...]
    convert: Callable[[np.ndarray], np.ndarray]


def in_pytorch_layout(name: str, leaf: str, shape: tuple[int, ...]) -> Tensor:
    """Returns the tensor that PyTorch stores for one of our leaves.

    Args:
        name: its name there.
        leaf: our name of the leaf; a `kernel` is stored with its axes in another order.
        shape: ours.
    """
    if leaf == "kernel" and len(shape) > 2:  # of a convolution in two or three dimensions
        *places, i, o = shape
        axes = (*range(2, len(shape)), 1, 0)
        return Tensor(name, (o, i, *places), lambda x: x.transpose(axes))
    if leaf == "kernel":
        return Tensor(name, shape[::-1], lambda x: x.T)
    return Tensor(name, shape, lambda x: x)


def by_published_names(shapes: PyTree, *, prefix: str = "") -> PyTree:
    """Returns variables that have their published names here, with a `Tensor` at each leaf.

    Args:
        shapes: of the variables.
        prefix: of all published names.
    """

    def describe(path: tuple[jax.tree_util.DictKey, ...], x: jax.ShapeDtypeStruct) -> Tensor:
        *layers, leaf = (entry.key for entry in path[1:])  # without the collection
        name = ".".join([*layers, _LEAF.get(leaf, leaf)])
        name = name.replace(".in_proj.", ".in_proj_")  # of PyTorch's MultiheadAttention
        return in_pytorch_layout(prefix + name, leaf, x.shape)

    return jax.tree_util.tree_map_with_path(describe, shapes)


def pointwise(name: str, shape: tuple[int, ...]) -> Tensor:
    """Returns the 1x1 convolution (out, in, 1, 1) that is a linear layer (in, out) here."""
    return Tensor(name, (*shape[::-1], 1, 1), lambda x: x[:, :, 0, 0].T)


def without_prefix(
    state_dict: Mapping[str, np.ndarray], *prefixes: str
) -> Mapping[str, np.ndarray]:
    """Returns the state dict without the first of these prefixes that all its names have."""
    for prefix in prefixes:
        if state_dict and all(name.startswith(prefix) for name in state_dict):
            return {name.removeprefix(prefix): value for name, value in state_dict.items()}
    return state_dict


def load(
    wanted: PyTree, state_dict: Mapping[str, np.ndarray], *, unused: Collection[str], what: str
) -> PyTree:
    """Returns the tree of `wanted` with the arrays of a state dict in our layout, float32.

    Args:
        wanted: a tree with a `Tensor` at each leaf.
        state_dict: reference name -> floating array.
        unused: names that may be there and are not read.
        what: whose weights are expected, as in "these are not weights of <what>".

    Raises:
        UserError: if a name is missing or unexpected, or a tensor has another shape, another kind
            of number, or values that are not finite; all of them are listed.
    """
    leaves, tree = jax.tree.flatten(wanted, is_leaf=lambda x: isinstance(x, Tensor))
    expected = {tensor.name: tensor.shape for tensor in leaves}
    problems = [f"missing: {name}" for name in expected if name not in state_dict]
    problems += [
        f"unexpected: {name}" for name in state_dict if name not in expected and name not in unused
    ]
    for name in expected:
        if name in state_dict and (fault := _fault(state_dict[name], expected[name])):
            problems.append(f"{name}: {fault}")
    if problems:
        raise UserError(
            f"these are not weights of {what} ({counted(len(problems), 'problem')}); use its own "
            "checkpoint:\n"
            f"{list_some(problems)}"
        )
    return jax.tree.unflatten(
        tree, [np.ascontiguousarray(t.convert(state_dict[t.name]), np.float32) for t in leaves]
    )


def _fault(value: np.ndarray, shape: tuple[int, ...]) -> str | None:
    """Returns what keeps `value` from being a tensor of this shape, or None."""
    if value.shape != shape:
        return f"shape {value.shape}, expected {shape}"
    if value.dtype.kind != "f":
        return f"type {value.dtype}, expected a floating type"
    if not np.isfinite(value).all():
        return "has values that are not finite"
    return None
