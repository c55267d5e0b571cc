"""The trees of a checkpoint: where Orbax finds and puts their arrays, and reading them."""

import contextlib
import gc
import logging as standard_logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding
from jaxtyping import PyTree
from orbax.checkpoint import v1 as ocp

from dfer_jax.runs.checkpoint_files import DamagedError


def load(folder: str, like: dict[str, PyTree] | None = None) -> dict[str, PyTree]:
    """Returns trees of one checkpoint, this process's copy of them.

    Args:
        folder: of the checkpoint.
        like: by name of the tree, with the shapes and types it must have; None: its weights, as
            they are.

    Raises:
        DamagedError: if the files cannot be read as what they say they are.
        ValueError: if a tree is unlike `like`.
    """
    _ignore_late_callbacks()
    with _quiet():
        saved = _tried(lambda: ocp.checkpointables_metadata(folder).metadata)
        if saved.get("weights") is None or any(saved.get(name) is None for name in like or ()):
            raise DamagedError("it cannot be read")
        like = like or {"weights": saved["weights"]}
        for name, tree in like.items():
            _check_alike(name, saved[name], tree)
        return _own(_tried(lambda: ocp.load_checkpointables(folder, _placed(like))))


def keep_quiet() -> None:
    """Leaves out the tracebacks that Orbax logs in each of its threads: what failed is raised."""
    logging.get_absl_logger().addFilter(_has_no_traceback)  # added once, however often


def _has_no_traceback(record: standard_logging.LogRecord) -> bool:
    return not ("orbax" in record.pathname and record.levelno >= standard_logging.ERROR)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps to itself what Orbax warns of and leaves behind when it fails: it is said once."""
    before, tasks = logging.get_verbosity(), standard_logging.getLogger("asyncio")
    logging.set_verbosity(logging.ERROR)
    tasks.disabled = True
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            yield
    finally:
        tasks.disabled = False
        sys.unraisablehook = hook
        logging.set_verbosity(before)


def _ignore_late_callbacks() -> None:
    """Keeps to itself what threads of Orbax call when the event loop of a failed read is closed."""
    before = sys.unraisablehook

    def but_late_callbacks(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            before(unraisable)

    if getattr(before, "__name__", "") != but_late_callbacks.__name__:  # once is enough
        sys.unraisablehook = but_late_callbacks


def _tried(read: Callable[[], Any]) -> Any:
    """Calls `read`; but for shortages and permissions, whatever it raises is damage."""
    try:
        return read()
    except (OSError, MemoryError):
        raise
    except Exception:  # Orbax raises many kinds for unreadable files
        pass
    gc.collect()  # tasks that it did not end complain here, where nobody hears them
    raise DamagedError("it cannot be read")


def of_all(tree: PyTree) -> PyTree:
    """Returns the tree that all processes hold a copy of, as one that Orbax saves together."""
    if jax.process_count() == 1:
        return tree
    sharding, first = _sharding(), jax.local_devices()[0]
    return jax.tree.map(
        lambda x: jax.make_array_from_single_device_arrays(
            x.shape, sharding, [s.data for s in x.addressable_shards if s.device == first]
        ),
        tree,
    )


def _check_alike(name: str, saved: PyTree, like: PyTree) -> None:
    """Raises ValueError, naming the first array of which the two say different things."""
    found, asked = _shapes(saved), _shapes(like)
    for path in sorted(found.keys() | asked.keys()):
        if found.get(path) != asked.get(path):
            there, here = found.get(path, "absent"), asked.get(path, "absent")
            raise ValueError(f"{name}{path} is {there} there and {here} here")


def _shapes(tree: PyTree) -> dict[str, str]:
    leaves = jax.tree.leaves_with_path(tree)
    return {_path(path): f"{np.dtype(leaf.dtype)}{list(leaf.shape)}" for path, leaf in leaves}


def _path(path: tuple) -> str:
    """The names on the way to a leaf; Orbax saves tuples and named tuples by other keys."""
    names = (getattr(k, "name", getattr(k, "key", getattr(k, "idx", k))) for k in path)
    return os.sep + os.sep.join(map(str, names))


def _sharding() -> Sharding:
    """Where trees are when they are saved and read: on the first device of every process."""
    if jax.process_count() == 1:
        return SingleDeviceSharding(jax.local_devices()[0])
    firsts = {d.process_index: d for d in reversed(jax.devices())}
    mesh = Mesh(np.array([firsts[i] for i in sorted(firsts)]), ("process",))
    return NamedSharding(mesh, PartitionSpec())


def _placed(tree: PyTree) -> PyTree:
    """Abstract arrays placed by `_sharding`, wherever they were saved."""
    sharding = _sharding()
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree)


def _own(tree: PyTree) -> PyTree:
    """This process's copy of a tree placed by `_sharding`."""
    return jax.tree.map(lambda x: x.addressable_data(0), tree)
