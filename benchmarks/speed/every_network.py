r"""Every network that tables compare against the same one in PyTorch on CPU, in one run.

    pip install -e '.[bench]'
    python -m benchmarks.speed.every_network
    python -m benchmarks.speed.every_network --networks r3d_18,vgg13_lstm --each 9

For each: a training step of one clip, an evaluation step of two, and one clip from the host and its
probabilities back; float32, sizes as published. Both sides have the same weights, and what they
compute must agree: training loss, probabilities. They are timed in turn, each in a process of its
own with as many threads as cores. Compiled programs are kept beside the figures; they make
the first run longer by minutes.

Prints a table as it goes and writes networks.json: milliseconds, medians, and how many times as
fast ours is.
"""

import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.speed import interleaved, network_speed, speed_table
from benchmarks.speed.interleaved import Peer
from benchmarks.speed.network_speed import EAGER, OURS, TASKS
from benchmarks.speed.network_work import as_published
from dfer_jax.errors import UserError, run
from dfer_jax.runtime.cores import usable_cores

_NETWORKS = flags.DEFINE_list("networks", None, "Names of networks; all if not given.")
_EACH = flags.DEFINE_integer("each", 2, "Measurements of each figure.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/speed", "Folder for figures and programs.")

_BATCH = {"train": 1, "eval": 2, "latency": 1}
_SHORTEST_S, _CALLS = 0.25, 1
_TOLERANCE = 1e-3  # of the probabilities
Figures = dict[str, dict[str, float]]
"""Task -> milliseconds of ours and of PyTorch's, and how many times as fast ours is."""


def main(_: list[str]) -> None:
    """Compares one network after the other; prints, writes."""
    network_speed.find_device()
    out, load = Path(_OUT.value), os.getloadavg()[0]
    print(f"{network_speed.cpu_name()}, {usable_cores()} cores, load {load:.1f}")
    print(f"{'ms, ours / PyTorch':18}{'training step':>24}{'evaluation':>24}{'one clip':>24}")
    found = {}
    for name, figures in compare(_NETWORKS.value, each=_EACH.value, programs=out / "programs"):
        found[name] = figures
        print(row(name, figures), flush=True)
        speed_table.write(out / "networks.json", _document(found, load=load))


def compare(names: list[str] | None, *, each: int, programs: Path) -> Iterator[tuple[str, Figures]]:
    """Yields each network's figures.

    Args:
        names: of the networks; None: all that there is a statement of in PyTorch.
        each: measurements of each figure.
        programs: folder that keeps what JAX compiled.

    Raises:
        UserError: if a name is unknown, the two sides of a network disagree, or one fails.
    """
    environment = {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(programs.absolute()),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        **network_speed.ALLOCATOR,
    }
    target = "benchmarks.speed.network_work:InTurn"
    sides = {
        OURS: ("benchmarks.speed.network_jax:Network", environment),
        EAGER: ("benchmarks.speed.pytorch.network_torch:Network", network_speed.ALLOCATOR),
    }
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        ours, theirs = (
            stack.enter_context(Peer(side, target, (kind,), variables))
            for side, (kind, variables) in sides.items()
        )
        known = theirs.call("names")
        if unknown := sorted({*(names or ())} - {*known}):
            raise UserError(
                f"--networks: {', '.join(unknown)} unknown; choose from {', '.join(known)}"
            )
        for name in names or known:
            yield name, _of_network(name, ours, theirs, each=each, folder=folder)


def _of_network(name: str, ours: Peer, theirs: Peer, *, each: int, folder: str) -> Figures:
    figures = {}
    for task in TASKS:
        work = as_published(
            name,
            task=task,
            batch=_BATCH[task],
            weights=os.path.join(folder, "weights.npz"),
            shortest_s=_SHORTEST_S,
            calls=_CALLS,
        )
        theirs.call("open", work, usable_cores(), False)
        if task == TASKS[0]:
            theirs.call("save_weights")  # the same every time
        ours.call("open", work)
        losses = {peer.name: peer.call("prepare")["losses"] for peer in (theirs, ours)}
        if task == "eval":
            _check(name, *(peer.call("probabilities") for peer in (ours, theirs)))
        first = {side: {"losses": found[:1]} for side, found in losses.items()}
        network_speed.check_same_losses(first, work.dtype)
        seconds = interleaved.measure([ours, theirs], repeats=each)
        figures[task] = _compared(seconds)
    return figures


def _check(name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    apart = np.abs(ours - theirs).max()
    if not apart <= _TOLERANCE:
        raise UserError(f"the two statements of {name} differ: probabilities are {apart:.2g} apart")


def _compared(seconds: Mapping[str, list[list[float]]]) -> dict[str, float]:
    """Returns the medians in milliseconds and their ratio."""
    ours, theirs = (
        1e3 * statistics.median(second for repeat in seconds[side] for second in repeat)
        for side in (OURS, EAGER)
    )
    return {"ours_ms": ours, "pytorch_ms": theirs, "times_as_fast": theirs / ours}


def row(name: str, figures: Figures) -> str:
    """Returns the line of one network."""
    cells = (
        f"{found['ours_ms']:8.0f} /{found['pytorch_ms']:6.0f}{found['times_as_fast']:7.2f}x"
        for found in figures.values()
    )
    return f"{name:18}" + "".join(f"{cell:>24}" for cell in cells)


def _document(found: Mapping[str, Figures], *, load: float) -> dict:
    return {
        "cpu": network_speed.cpu_name(),
        "cores": usable_cores(),
        "load_before": load,
        "batch": _BATCH,
        "each": _EACH.value,
        "networks": found,
    }


if __name__ == "__main__":
    run(main)
