"""Objects in processes of their own, measured in turn: A B C, C B A, A B C, ...

Each peer gets its own process, so that neither shares threads, allocator or memory peak with the
others; the parent lets one work at a time. What disturbs the machine then disturbs all alike.
"""

import contextlib
import importlib
import multiprocessing
import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from dfer_jax.errors import UserError

SHARED_GPU = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Environment of a JAX process beside another on a GPU, of whose memory it would take most."""

_PAUSE_S = 0.2  # threads of the one before stop waiting for work, processors settle


class Peer:
    """An object in a process of its own; a context manager that ends the process.

    Args:
        name: for people.
        target: `package.module:callable` that makes the object there; imported there only.
        arguments: of the callable; picklable.
        environment: variables that the process starts with, beside those of this one.
    """

    def __init__(
        self,
        name: str,
        target: str,
        arguments: Sequence[Any] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(target, tuple(arguments), theirs))
        with _environment(environment or {}):
            self._process.start()
        theirs.close()

    def __enter__(self) -> "Peer":
        self._receive()  # whether the object was made
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()  # ends its loop
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def call(self, method: str, *arguments: Any) -> Any:
        """Calls a method there and returns its result.

        Raises:
            UserError: if it fails; the traceback is on stderr.
        """
        self._pipe.send((method, arguments))
        return self._receive()

    def _receive(self) -> Any:
        try:
            failed, result = self._pipe.recv()
        except EOFError:
            raise UserError(f"the process of {self.name} died; is there enough memory?") from None
        if failed:
            raise UserError(f"{self.name} failed: {result}")
        return result


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets variables for a while: a new process starts with them, its C library included."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(target: str, arguments: tuple, pipe: Any) -> None:
    """Makes the object, then answers calls until the pipe closes."""
    module, name = target.split(":")
    failed, made = _attempt(lambda: getattr(importlib.import_module(module), name)(*arguments))
    pipe.send((failed, made if failed else None))
    while not failed:
        try:
            method, given = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(_attempt(getattr(made, method), *given))


def _attempt(function: Callable, *arguments: Any) -> tuple[bool, Any]:
    """Returns whether it failed, and the result or what went wrong."""
    try:
        return False, function(*arguments)
    except UserError as error:
        return True, str(error)
    except Exception as error:  # whatever it is, the parent must hear of it
        traceback.print_exc()
        return True, f"{type(error).__name__}: {error}".splitlines()[0]


def measure(peers: Sequence[Peer], *, repeats: int) -> dict[str, list[list[float]]]:
    """Calls `measure()` of every peer in turn, the order reversed every other time.

    Args:
        peers: whose `measure` returns a list of seconds.
        repeats: how often each is measured.

    Returns:
        name -> one list of seconds per repeat.
    """
    found: dict[str, list[list[float]]] = {peer.name: [] for peer in peers}
    order = [peer for repeat in range(repeats) for peer in peers[:: (-1) ** repeat]]
    for peer in tqdm(order, desc="measuring", leave=False, disable=None):
        time.sleep(_PAUSE_S)
        found[peer.name].append(peer.call("measure"))
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Returns median, min and max."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def percentile(values: Sequence[float], percent: float) -> float:
    """Returns the smallest value that at least `percent` of all do not exceed."""
    rank = max(1, -(-len(values) * percent // 100))
    return sorted(values)[int(rank) - 1]


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Returns the result and the seconds it took."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start
