"""Reads PyTorch's files without PyTorch and without running anything in them.

Both containers that `torch.save` has written: the ZIP archive of PyTorch 1.6 and later, and the
stream of pickles before it.
"""

import io
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from absl import logging

from dfer_jax.errors import UserError
from dfer_jax.interop import inert_pickle, torch_tensors
from dfer_jax.interop.inert_pickle import Foreign
from dfer_jax.interop.torch_tensors import Tensor
from dfer_jax.interop.zip_archive import open_archive
from dfer_jax.runtime.row_files import OpenFile

_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net")
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MOST_NESTED = 4
_MOST_RATIO = 8  # bytes of all tensors to the file's; they may share storages
_EXPORT = "where its code is at hand, export it once with torch.save(model.state_dict(), FILE)"

_ReadStorage = Callable[[str], np.ndarray]


def read_torch(path: str) -> dict[str, np.ndarray]:
    """Returns name -> array of a state dict, or of a training checkpoint that holds one.

    Floating tensors become float32.

    Raises:
        UserError: if the file holds no state dict.
        ValueError: if it is damaged; what else damage raises in the readers passes through.
    """
    if zipfile.is_zipfile(path):
        return _read_archive(path)
    with _Bounded(open(path, "rb", buffering=0)) as file:
        return _read_stream(path, file)


class _Bounded(io.BufferedReader):
    """A file of which a read commits no memory for more than is there, whatever it asks for."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__(raw)
        self.num_bytes = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > io.DEFAULT_BUFFER_SIZE:
            size = min(size, max(0, self.num_bytes - self.tell()))
        return super().read(size)


def _read_archive(path: str) -> dict[str, np.ndarray]:
    with open_archive(path) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise ValueError("a ZIP archive that PyTorch did not write")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in names:
            raise UserError(f"{path} is a TorchScript program, not a state dict; {_EXPORT}")
        swapped = _is_swapped(archive, f"{root}byteorder")
        content = _load(io.BytesIO(archive.read(pickles[0])))

        def read(key: str) -> np.ndarray:
            return np.frombuffer(archive.read(f"{root}data/{key}"), np.uint8)

        size = sum(member.file_size for member in archive.infolist())
        return _arrays(path, content, read, most_bytes=size * _MOST_RATIO, swapped=swapped)


def _is_swapped(archive: zipfile.ZipFile, name: str) -> bool:
    if name not in archive.namelist():
        return sys.byteorder == "big"  # files are little-endian unless they say otherwise
    return archive.read(name).decode() != sys.byteorder


def _read_stream(path: str, file: _Bounded) -> dict[str, np.ndarray]:
    if _load(file) != _MAGIC or _load(file) != _PROTOCOL:
        raise ValueError("not a file that PyTorch wrote")
    facts = _load(file)
    swapped = isinstance(facts, dict) and not facts.get("little_endian", True)
    widths: dict[str, int] = {}

    def note(reference: Any) -> Any:
        found = torch_tensors.storage(reference)
        if isinstance(found, torch_tensors.Storage):
            widths[found.key] = found.dtype.itemsize
        return found

    content = inert_pickle.load(file, build=torch_tensors.build, persistent=note)
    keys, storages = _load(file), OpenFile(path, remedy="fetch it again")
    pieces, at = {}, file.tell()
    for key in keys:
        count = int.from_bytes(storages.read(8, at=at), "big" if swapped else "little", signed=True)
        size = count * widths[key]
        if not 0 <= size <= file.num_bytes - at - 8:
            raise ValueError(f"storage {key} promises {count:,} numbers, more than the file holds")
        pieces[key] = (at + 8, size)
        at += 8 + size

    def read(key: str) -> np.ndarray:
        start, size = pieces[key]
        data = np.empty(size, np.uint8)
        storages.read_into(memoryview(data), at=start)
        return data

    return _arrays(path, content, read, most_bytes=file.num_bytes * _MOST_RATIO, swapped=swapped)


def _load(file: Any) -> Any:
    return inert_pickle.load(file, build=torch_tensors.build, persistent=torch_tensors.storage)


def _arrays(
    path: str, content: Any, read: _ReadStorage, *, most_bytes: int, swapped: bool
) -> dict[str, np.ndarray]:
    """Returns the arrays of the state dict in `content`, each storage read once.

    Arrays are windows on their storages where the numbers need not be changed.
    """
    tensors = _state_dict(path, content)
    if sum(tensor.num_bytes for tensor in tensors.values()) > most_bytes:
        raise ValueError("its tensors promise more numbers than it holds")
    if half := sum(torch_tensors.is_half(tensor) for tensor in tensors.values()):
        logging.warning(
            "%s: %d of %d tensors have half precision; they become float32",
            path,
            half,
            len(tensors),
        )
    storages: dict[str, np.ndarray] = {}
    arrays = {}
    for name, tensor in tensors.items():
        key = tensor.storage.key
        if key not in storages:
            storages[key] = read(key)
        data = storages[key]
        if swapped:
            data = data.view(tensor.dtype).byteswap().view(np.uint8)
        arrays[name] = torch_tensors.to_array(tensor, data)
    return arrays


def _state_dict(path: str, content: Any) -> Mapping[str, Tensor]:
    """Returns the state dict inside a training checkpoint, or the content itself."""
    for _ in range(_MOST_NESTED):
        inner = [content[key] for key in _WRAPPERS if isinstance(content, dict) and key in content]
        found = [value for kind in (dict, Foreign) for value in inner if isinstance(value, kind)]
        if not found:
            break
        content = found[0]
    if isinstance(content, Foreign):
        name = " ".join(content.name.split())[:100]
        raise UserError(f"{path} holds a whole module ({name}), not a state dict; {_EXPORT}")
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a state dict; {_EXPORT}")
    strays = [name for name, value in content.items() if not isinstance(value, Tensor)]
    if strays or not content:
        what = f"{str(strays[0])[:100]!r} is not a tensor" if strays else "it is empty"
        raise UserError(f"{path} is not a state dict: {what}; {_EXPORT}")
    return content
