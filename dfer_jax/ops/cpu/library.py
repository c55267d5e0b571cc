"""Compiles the C++ of this folder once per machine and makes it known to XLA.

Any C++17 compiler will do that knows GCC's vectors (the one in `CXX`, else `c++`). The result is
kept in a private folder named "native" (`private_folder.py`), under a name made of the sources, the
compiler and JAX's version. Where there is no compiler, or it fails, nothing is lost but speed.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxlib
from absl import logging
from jaxtyping import Array

from dfer_jax.runtime import private_folder

_SOURCE = Path(__file__).with_name("library.cc")  # includes all others
_OPTIONS = ("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-DNDEBUG")
_FUNCTIONS = (
    "dfer_convolve",
    "dfer_convolve_normalised",
    "dfer_kernel_gradient",
    "dfer_strided_convolve",
    "dfer_strided_convolve_normalised",
    "dfer_strided_maps_gradient",
    "dfer_strided_kernel_gradient",
    "dfer_stem",
    "dfer_max_pool",
    "dfer_max_pool_with_places",
    "dfer_max_pool_gradient",
    "dfer_channel_moments",
    "dfer_batch_norm_gradient_sums",
    "dfer_layer_norm",
    "dfer_layer_norm_gradients",
    "dfer_transpose",
)
_TIMEOUT_SECONDS = 300


@contextlib.contextmanager
def left_out(*, in_planes: bool = False) -> Iterator[None]:
    """Whatever is traced in the block, in this thread, is the same on every platform.

    Args:
        in_planes: convolutions over time become 2D ones, for converters that know no others.
    """
    before = _wanted.not_here, _wanted.in_planes
    _wanted.not_here, _wanted.in_planes = True, in_planes
    try:
        yield
    finally:
        _wanted.not_here, _wanted.in_planes = before


class _Wanted(threading.local):
    not_here = in_planes = False


_wanted = _Wanted()


def is_left_out() -> bool:
    """Whether nothing may be done otherwise on CPU than elsewhere."""
    return _wanted.not_here


def is_in_planes() -> bool:
    """Whether convolutions over time must be 2D ones."""
    return _wanted.in_planes


def takes(*arrays: Array) -> bool:
    """Whether the functions can be called with these: float32, not empty, on CPU by default."""
    if is_left_out():
        return False
    suit = all(x.dtype == jnp.float32 and x.size > 0 for x in arrays)
    return suit and jax.default_backend() == "cpu" and available()


def available() -> bool:
    """Whether XLA knows the functions now; the first call compiles them if nobody has before."""
    return not problem()


@functools.cache
def problem() -> str:
    """Returns why XLA does not know the functions; "" where it does. Compiles as `available`."""
    try:
        library = ctypes.CDLL(str(_compiled()))
        for name in _FUNCTIONS:
            handler = jax.ffi.pycapsule(getattr(library, name))
            jax.ffi.register_ffi_target(name, handler, platform="cpu")
    except subprocess.CalledProcessError as error:
        found = f"{error.cmd[0]} failed with exit status {error.returncode}"
    except (OSError, RuntimeError, AttributeError, subprocess.SubprocessError) as error:
        found = str(error)
    else:
        return ""
    logging.info("networks on CPU stay slower, because no C++ was compiled: %s", found)
    return found


def _compiled() -> Path:
    """Returns the file of the compiled functions.

    Raises:
        OSError: if there is no compiler, or the folder cannot be used.
        RuntimeError: if the user has no home.
        subprocess.SubprocessError: if the compiler fails.
    """
    compiler = shlex.split(os.environ.get("CXX", "")) or ["c++"]
    if not shutil.which(compiler[0]):
        raise FileNotFoundError(f"{compiler[0]} was not found")
    command = [*compiler, *_OPTIONS, f"-I{jax.ffi.include_dir()}"]
    sources = sorted(path for path in _SOURCE.parent.iterdir() if path.suffix in (".cc", ".h"))
    known = [path.read_bytes() for path in sources]
    known += [shlex.join(command).encode(), jaxlib.__version__.encode()]
    name = hashlib.sha256(b"\0".join(known)).hexdigest()[:16]
    library = private_folder.of_this_machine("native") / f"{name}.so"
    if not library.exists():
        _compile(command, library)
    return library


def _compile(command: list[str], library: Path) -> None:
    """Writes the library; several processes may do so at once.

    Raises:
        OSError: if the compiler cannot be run or the folder not be written.
        subprocess.SubprocessError: if the compiler fails.
    """
    logging.info("compiling the slow parts of the networks for this machine")
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        subprocess.run(
            [*command, str(_SOURCE), "-o", str(made)],
            check=True,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
        )
        made.replace(library)
