"""Reads the tensors of a checkpoint file, whatever wrote it, without running anything in it."""

import os
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from dfer_jax.errors import UserError

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_TORCH_SUFFIXES = (".pth", ".pt", ".tar", ".bin")


def read_state_dict(path: str) -> dict[str, np.ndarray]:
    """Returns name -> array of a `.pth`/`.pt`/`.tar`/`.bin`, `.safetensors` or `.npz` file.

    A training checkpoint that holds the weights under `state_dict`, `model_state_dict` or `model`
    is unwrapped. PyTorch files are read with weights-only loading: nothing in them is executed.
    Floating tensors of PyTorch files become float32.

    Raises:
        UserError: if the file is missing, damaged, of another kind, or holds more than tensors, or
            the package that reads it is not installed.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no file {path}")
    suffix = os.path.splitext(path)[1].lower()
    if suffix in _TORCH_SUFFIXES:
        return _from_torch(path)
    if suffix == ".safetensors":
        return _from_safetensors(path)
    if suffix == ".npz":
        return _from_npz(path)
    known = ", ".join((*_TORCH_SUFFIXES, ".safetensors", ".npz"))
    raise UserError(f"{path} has an unknown ending; weights are read from {known}")


def _from_npz(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error


def _from_safetensors(path: str) -> dict[str, np.ndarray]:
    try:
        import safetensors
        from safetensors.numpy import load_file
    except ImportError as error:
        raise UserError(
            f"reading {path} needs safetensors; install it with pip install 'dfer_jax[torch]'"
        ) from error
    try:
        return load_file(path)
    except (safetensors.SafetensorError, OSError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def _from_torch(path: str) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"reading {path} needs PyTorch; install it with pip install 'dfer_jax[torch]', or "
            "convert the file to .safetensors or .npz where PyTorch is installed"
        ) from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} holds more than tensors, or is damaged; where you trust it, save its state "
            "dict alone with torch.save(model.state_dict(), ...)"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error
    tensors = _unwrap(path, content)
    strays = [name for name, value in tensors.items() if not isinstance(value, torch.Tensor)]
    if strays:
        raise UserError(f"{path} is not a state dict: {strays[0]!r} is not a tensor")
    return {name: _to_numpy(value) for name, value in tensors.items()}


def _unwrap(path: str, content: object) -> Mapping[str, Any]:
    """Returns the state dict inside a training checkpoint, or the content itself."""
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}, not a state dict")
    for key in _WRAPPERS:
        if isinstance(content.get(key), Mapping):
            return content[key]
    return content


def _to_numpy(tensor: Any) -> np.ndarray:
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _unreadable(path: str, error: Exception) -> UserError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(
        f"{path} cannot be read ({lines[0][:200]}); it is damaged or holds more than arrays"
    )
