"""Tensors as PyTorch's pickles describe them, and their numbers as arrays."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from dfer_jax.interop.inert_pickle import Foreign, Name

_STORAGES = {
    "Double": "f8", "Float": "f4", "Half": "f2", "Long": "i8", "Int": "i4", "Short": "i2",
    "Char": "i1", "Byte": "u1", "Bool": "?", "BFloat16": "bfloat16", "Untyped": "u1",
    "ComplexFloat": "c8", "ComplexDouble": "c16",
}  # fmt: skip
_DTYPES = {
    "float64": "f8", "float32": "f4", "float16": "f2", "int64": "i8", "int32": "i4", "int16": "i2",
    "int8": "i1", "uint8": "u1", "bool": "?", "bfloat16": "bfloat16", "uint16": "u2",
    "uint32": "u4", "uint64": "u8", "complex64": "c8", "complex128": "c16",
}  # fmt: skip
_MOST_DIMENSIONS = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """A run of numbers outside of the pickle; `count` of them, by the pickle's word.

    Attributes:
        key: its name in the file.
        dtype: of its numbers, without byte order.
        count: how many it holds.
        start: of a view, the position of its first number in the storage of that key.
    """

    key: str
    dtype: np.dtype
    count: int
    start: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Tensor:
    """A window on a storage; `offset` and `strides` count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype

    @property
    def num_bytes(self) -> int:
        """Bytes of all its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def build(name: str, arguments: Sequence[Any]) -> Any:
    """Returns what calling one of the known names makes, and `Foreign` for any other."""
    known = _BUILDERS.get(name)
    return known(*arguments) if known else Foreign(name)


def storage(reference: Any) -> Storage | Name:
    """Returns the storage of a persistent id: ("storage", type, key, device, count, view).

    The format before 1.6 also refers to classes so, along with their source code.

    Raises:
        ValueError: if the id is of another form.
    """
    if isinstance(reference, tuple) and reference and reference[0] == "module":
        return Name(_name(reference[1:]))
    if not isinstance(reference, tuple) or len(reference) < 5 or reference[0] != "storage":
        raise ValueError("it refers to something that is not a storage")
    _, kind, key, _, count, *rest = reference
    dtype = _storage_dtype(_name([kind]))
    start = 0
    if rest and isinstance(rest[0], tuple):  # of the format before 1.6: (key, start, count)
        _, start, count = rest[0]
    if not (isinstance(key, str) and _natural(count) and _natural(start)):
        raise ValueError("it refers to a storage without a name or a size")
    return Storage(key, dtype, count, start)


def is_half(tensor: Tensor) -> bool:
    """Returns whether a tensor's numbers are floating and of 16 bits."""
    return tensor.dtype in (np.float16, ml_dtypes.bfloat16)


def to_array(tensor: Tensor, data: np.ndarray) -> np.ndarray:
    """Returns a tensor's numbers, read only; floating ones as float32, others as they are.

    Memory is taken only where numbers are changed; else the array is a window on the storage.

    Args:
        tensor: which part of the storage.
        data: the storage's bytes, in this machine's byte order.

    Raises:
        ValueError: if the tensor reaches beyond them.
    """
    numbers = data[: len(data) // tensor.dtype.itemsize * tensor.dtype.itemsize].view(tensor.dtype)
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    if 0 in tensor.shape:
        array = np.empty(tensor.shape, tensor.dtype)
    elif last >= len(numbers):
        raise ValueError("a tensor reaches beyond its storage")
    else:
        strides = [stride * tensor.dtype.itemsize for stride in tensor.strides]
        window = numbers[tensor.offset :]
        array = np.lib.stride_tricks.as_strided(window, tensor.shape, strides, writeable=False)
    floating = array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16
    return array.astype(np.float32, copy=False) if floating else array


def _tensor(
    of: Any, offset: Any, shape: Any, strides: Any, *_: Any, dtype: np.dtype | None = None
) -> Tensor:
    if not isinstance(of, Storage):
        raise ValueError("a tensor without a storage")
    numbers = (offset, *shape, *strides)
    if not all(map(_natural, numbers)) or not len(shape) == len(strides) <= _MOST_DIMENSIONS:
        raise ValueError("a tensor whose shape makes no sense")
    kind = dtype or of.dtype
    start = of.start * of.dtype.itemsize // kind.itemsize
    return Tensor(of, offset + start, tuple(shape), tuple(strides), kind)


def _tensor_of_dtype(of: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    name = _name(rest[2:]).removeprefix("torch.")
    if name not in _DTYPES:
        raise ValueError(f"a tensor of type {name}")
    return _tensor(of, offset, shape, strides, dtype=np.dtype(_DTYPES[name]))


def _dictionary(*arguments: Any) -> dict[Any, Any]:
    """Returns an empty dictionary; Python 2 handed an OrderedDict its items as pairs."""
    if not arguments or not isinstance(arguments[0], list):
        return {}
    pairs = list(arguments[0])
    arguments[0].clear()  # handed over, so that many dictionaries cannot be made of one list
    return {pair[0]: pair[1] for pair in pairs if isinstance(pair[0], str)}


def _first(value: Any, *_: Any) -> Any:
    return value


def _name(items: Sequence[Any]) -> str:
    return items[0].name if items and isinstance(items[0], Name) else "unknown"


def _storage_dtype(name: str) -> np.dtype:
    kind = name.rpartition(".")[2].removesuffix("Storage")
    if not name.startswith("torch.") or kind not in _STORAGES:
        raise ValueError(f"a storage of type {name}")
    return np.dtype(_STORAGES[kind])


def _natural(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


_BUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.Size": _first,
    "collections.OrderedDict": _dictionary,
    "collections.defaultdict": _dictionary,
}
