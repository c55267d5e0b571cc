"""Reads `.npz` files: plain arrays only, none larger than the bytes that are there."""

import math
import zipfile

import numpy as np

from dfer_jax.interop.zip_archive import open_archive
from dfer_jax.runtime.numpy_files import PARSING

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: str) -> dict[str, np.ndarray]:
    """Returns name -> array, read only.

    Raises:
        ValueError: if a member is not a plain array, or promises more or less than it holds; what
            else damage makes the ZIP reader and the header's parser raise passes through.
    """
    with open_archive(path) as archive:
        return {
            member.filename.removesuffix(".npy"): _read_npy(archive, member)
            for member in archive.infolist()
        }


def _read_npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{member.filename} is of an unknown version")
        with PARSING:
            shape, in_columns, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds objects")
        data = file.read()
    promised = math.prod(shape) * dtype.itemsize
    if promised != len(data):
        raise ValueError(f"{member.filename} promises {promised:,} bytes and holds {len(data):,}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C")
