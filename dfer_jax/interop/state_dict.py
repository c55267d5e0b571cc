"""Reads the tensors of a checkpoint file, whatever wrote it, without running anything in it."""

import os

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file

from dfer_jax.errors import UserError
from dfer_jax.interop.npz_file import read_npz
from dfer_jax.interop.torch_file import read_torch


def _read_safetensors(path: str) -> dict[str, np.ndarray]:
    return {
        name: value.astype(np.float32) if value.dtype == ml_dtypes.bfloat16 else value
        for name, value in load_file(path, backend="pread").items()  # a mapped one may vanish
    }


_READERS = {
    **dict.fromkeys((".pth", ".pt", ".tar", ".bin"), read_torch),
    ".safetensors": _read_safetensors,
    ".npz": read_npz,
}


def read_state_dict(path: str) -> dict[str, np.ndarray]:
    """Returns name -> array of a `.pth`/`.pt`/`.tar`/`.bin`, `.safetensors` or `.npz` file.

    A training checkpoint of PyTorch that holds the weights under `state_dict`, `model_state_dict`,
    `model`, `module` or `net` is unwrapped; what else is in it is passed over. PyTorch is not
    needed, and nothing in the file is executed. Floating tensors of PyTorch files become float32.

    Raises:
        UserError: if the file is missing, damaged, of another kind, or holds no state dict.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no file {path}")
    suffix = os.path.splitext(path)[1].lower()
    if suffix in (".h5", ".hdf5", ".keras"):
        raise UserError(
            f"{path} is a file of Keras, which is not read here; take the PyTorch form of the "
            "weights, or save name -> array as .npz"
        )
    if suffix not in _READERS:
        raise UserError(
            f"{path} has an unknown ending; weights are read from {', '.join(_READERS)}"
        )
    try:
        return _READERS[suffix](path)
    except UserError:
        raise
    except Exception as error:  # damage raises anything: zlib, struct, tokenize, memory, index
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> UserError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(
        f"{path} cannot be read ({lines[0][:200]}); it is damaged or holds more than arrays: fetch "
        "it again, or export the weights alone as .safetensors or .npz"
    )
