"""Trees of arrays as one `.safetensors` file, the names on the way to a leaf joined by dots.

Names that have dots themselves, as published ones have, are written with slashes: the array
`params.layer1/0/conv1.kernel` is the leaf `kernel` of `layer1.0.conv1` of `params`.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dfer_jax.runs.checkpoint_files import DamagedError
from dfer_jax.runtime.durable_files import replacing

_DEEPEST = 40  # names within names
_ABOUT = {"format": "flax"}


def write(path: str, tree: Mapping[str, Any]) -> None:
    """Writes nested mappings of float32 arrays; the same tree gives the same bytes.

    Raises:
        OSError: if it cannot be written.
    """
    flat = {name: np.ascontiguousarray(leaf) for name, leaf in _leaves(tree)}
    with replacing(path, "wb") as file:
        file.write(save(flat, metadata=_ABOUT))


def read(path: str) -> dict[str, PyTree]:
    """Returns the tree of `write`; the memory it takes is bounded by the size of the file.

    Raises:
        DamagedError: if the file is cut, promises more than it holds, or has a name, a type or a
            value that no weights have.
        OSError: if it cannot be read.
    """
    name, tree = os.path.basename(path), {}
    try:
        with safe_open(path, framework="numpy", backend="pread") as file:
            for key in file.keys():  # noqa: SIM118 it is no mapping
                kind = file.get_slice(key).get_dtype()
                if kind != "F32":
                    raise DamagedError(f"{name} has {key[:80]} as {kind}, weights are F32")
                value = file.get_tensor(key)
                if not np.isfinite(value).all():
                    raise DamagedError(f"{name} has values in {key[:80]} that are not finite")
                _put(tree, key, jax.numpy.asarray(value))
    except SafetensorError as error:
        said = str(error).splitlines()[0][:120]
        raise DamagedError(f"{name} is cut short or no file of weights: {said}") from error
    except ValueError as error:
        raise DamagedError(f"{name}: {error}") from error
    if not tree:
        raise DamagedError(f"{name} holds no weights")
    return tree


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, np.ndarray]]:
    for name, value in tree.items():
        place = above + name.replace(".", "/")
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{place}.")
        else:
            yield place, np.asarray(value)


def _put(tree: dict[str, Any], key: str, value: jax.Array) -> None:
    """Puts a leaf at its place; raises ValueError for a name that cannot be one."""
    *way, last = (part.replace("/", ".") for part in key.split("."))
    if len(way) > _DEEPEST or not all((*way, last)):
        raise ValueError(f"{key[:80]!r} is no name of weights")
    for part in way:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ValueError(f"{key[:80]!r} lies within another array")
    if last in tree:
        raise ValueError(f"{key[:80]!r} is an array and holds others")
    tree[last] = value
