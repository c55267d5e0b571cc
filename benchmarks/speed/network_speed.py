"""Our network against PyTorch's, on this machine, in one run: what the speed benchmarks share.

Before anything is timed both must have the same number of parameters, the same logits for the same
weights and clips, and the same training loss before and after a step. Then they are timed in turn,
each in a process of its own; medians are compared. Nothing is augmented; clips are uint8, scaled on
the device.
"""

import dataclasses
import importlib.metadata
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from absl import flags

from benchmarks.speed import interleaved
from benchmarks.speed.interleaved import Peer
from benchmarks.speed.network_work import Work
from dfer_jax.errors import UserError
from dfer_jax.runtime.cores import usable_cores

OURS, EAGER, COMPILED = "dfer_jax", "PyTorch", "PyTorch, torch.compile"
TASKS = ("train", "eval", "latency")

_FRAMES = flags.DEFINE_integer("frames", 16, "Frames of a clip.", 2)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 112, "Side of the frames, a multiple of 16.", 16)
_WIDTH = flags.DEFINE_integer("width", 64, "Channels of the first stage.", 2)
_REPEATS = flags.DEFINE_integer("repeats", 9, "Measurements of each row.", 1)
_DTYPE = flags.DEFINE_enum(
    "dtype", None, ["float32", "bfloat16"], "Precision; bfloat16 on a GPU, else float32."
)
_TORCH_COMPILE = flags.DEFINE_boolean("torch_compile", True, "Also time torch.compile.")

_TOLERANCE = 1e-3  # of the largest logit
_LOSS_TOLERANCES = {"float32": (1e-3, 1e-3), "bfloat16": (5e-2,)}  # of first, second loss
_BATCH = {"train": {"cpu": 4, "gpu": 40}, "eval": {"cpu": 4, "gpu": 160}}
_CUDNN = ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
ALLOCATOR = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_max=0"
    ":glibc.malloc.trim_threshold=17179869184"
}
"""Huge pages, and memory kept from step to step; helps both sides, see docs/scaling.md."""
_OUR_ENVIRONMENT = {
    **ALLOCATOR,
    **interleaved.SHARED_GPU,
    "JAX_ENABLE_COMPILATION_CACHE": "false",  # the time to compile is reported
}


def from_flags(task: str, *, device: str, batch: int | None = None) -> dict[str, Any]:
    """Compares both networks at a task as the flags say; see `compare`."""
    work = Work(
        task=task,
        device=device,
        batch=1 if task == "latency" else batch or _BATCH[task][device],
        frames=_FRAMES.value,
        image_size=_IMAGE_SIZE.value,
        width=_WIDTH.value,
        dtype=_DTYPE.value or ("bfloat16" if device == "gpu" else "float32"),
        weights="",
    )
    return compare(work, repeats=_REPEATS.value, torch_compile=_TORCH_COMPILE.value)


def find_device() -> str:
    """Returns `gpu` where JAX finds one, else `cpu`.

    Raises:
        UserError: if PyTorch is missing or does not find the same, or both brought a cuDNN.
    """
    if importlib.util.find_spec("torch") is None:
        raise UserError("this benchmark needs PyTorch; install it with pip install -e '.[bench]'")
    if os.environ.get("JAX_PLATFORMS") != "cpu" and all(map(_installed, _CUDNN)):
        raise UserError(
            f"{' and '.join(_CUDNN)} are both installed and overwrite each other's files; install "
            "'.[bench,cuda13]' in a new environment, or set JAX_PLATFORMS=cpu"
        )
    ours = _ask("import jax; print(jax.default_backend())")
    theirs = _ask("import torch; print('gpu' if torch.cuda.is_available() else 'cpu')")
    if ours not in _BATCH["train"]:
        raise UserError(f"JAX runs on {ours} here, PyTorch cannot; set JAX_PLATFORMS=cpu")
    if ours == "gpu" and theirs == "cpu":
        raise UserError("JAX finds a GPU, PyTorch does not; install its CUDA build")
    if ours == "cpu" and theirs == "gpu" and os.environ.get("JAX_PLATFORMS") != "cpu":
        raise UserError(
            "PyTorch finds a GPU, JAX does not; install '.[bench,cuda13]', or set JAX_PLATFORMS=cpu"
        )
    return ours


def _installed(package: str) -> bool:
    return any(importlib.metadata.distributions(name=package))


def _ask(code: str) -> str:
    """Returns the last word that a new interpreter prints: nothing of it stays in this process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{code.partition(';')[0]} fails: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.split()[-1]


def compare(work: Work, *, repeats: int, torch_compile: bool) -> dict[str, Any]:
    """Checks that both do the same, times them in turn, and returns all figures.

    Args:
        work: the task; `weights` is chosen here.
        repeats: measurements of each row.
        torch_compile: whether torch.compile is a row.

    Raises:
        UserError: if the networks disagree, or one fails.
    """
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        work = dataclasses.replace(work, weights=os.path.join(folder, "weights.npz"))
        eager = stack.enter_context(_torch(EAGER, work))
        eager.call("save_weights")
        target = "benchmarks.speed.network_jax:Network"
        ours = stack.enter_context(Peer(OURS, target, (work,), _OUR_ENVIRONMENT))
        agreement = check_same_network(ours, eager)
        peers, ready = [ours, eager], {p.name: p.call("prepare") for p in (ours, eager)}
        threads = eager.call("tune_threads") if work.device == "cpu" else None
        if torch_compile:
            compiled = stack.enter_context(_torch(COMPILED, work, threads, compiled=True))
            compiled.call("load_weights")
            peers, ready[COMPILED] = [*peers, compiled], compiled.call("prepare")
        check_same_losses(ready, work.dtype)
        seconds = interleaved.measure(peers, repeats=repeats)
        for peer in peers:  # before the large matrices
            ready[peer.name]["peak_bytes"] = peer.call("peak_bytes")
        machine = {**eager.call("about"), **ours.call("about")}
        peaks = {peer.name: peer.call("device_peak") for peer in (ours, eager)}
    best = {kind: max(peak[kind] for peak in peaks.values()) for kind in peaks[OURS]}
    return {
        "work": {k: v for k, v in dataclasses.asdict(work).items() if k != "weights"},
        "machine": {**machine, "cpu": cpu_name(), "cores": usable_cores()},
        "load": {"before": load, "after": os.getloadavg()[0]},
        "agreement": agreement,
        "measured_peak": {**best, "by": peaks},
        "repeats": repeats,
        **tabulate(work, seconds, ready, flops_per_s_at_best=best["flops_per_s"]),
    }


def tabulate(
    work: Work,
    seconds: Mapping[str, list[list[float]]],
    ready: Mapping[str, Mapping[str, Any]],
    *,
    flops_per_s_at_best: float,
) -> dict[str, Any]:
    """Returns the figures of every row, FLOPs per clip, and how often as fast ours is.

    Args:
        work: what was measured.
        seconds: of `interleaved.measure`, by row.
        ready: what each peer said of its compilation, first call and memory, by row.
        flops_per_s_at_best: what the device reaches in a large matrix product.
    """
    flops = ready[OURS]["flops_per_clip"]
    rows = {name: {**ready[name], **rates(work, seconds[name])} for name in seconds}
    for row in rows.values():
        row["flops_per_s"] = flops * row["clips_per_s"]
        row["share_of_peak"] = row["flops_per_s"] / flops_per_s_at_best
    times = {name: row["median_s"] / rows[OURS]["median_s"] for name, row in rows.items()}
    return {"flops_per_clip": flops, "rows": rows, "ours_times_as_fast": times}


def _torch(name: str, work: Work, threads: int | None = None, *, compiled: bool = False) -> Peer:
    environment = {**ALLOCATOR, "TORCHINDUCTOR_CACHE_DIR": os.path.dirname(work.weights)}
    arguments = (work, threads, compiled)
    return Peer(name, "benchmarks.speed.pytorch.network_torch:Network", arguments, environment)


def rates(work: Work, seconds: list[list[float]]) -> dict[str, Any]:
    """Returns seconds per step by repeat, their spread, clips per second, and for `latency` tails.

    Args:
        work: what was measured.
        seconds: one list per repeat, of one step or of many calls.
    """
    each = [statistics.median(repeat) for repeat in seconds]
    spread = interleaved.spread(each)
    found = {"s": each, **{f"{k}_s": v for k, v in spread.items()}}
    if work.task == "latency":
        calls = [second for repeat in seconds for second in repeat]
        found |= {f"p{p}_s": interleaved.percentile(calls, p) for p in (50, 95)}
        found["calls"] = len(calls)
    return {**found, "clips_per_s": work.batch / spread["median"]}


def check_same_network(ours: Peer, theirs: Peer) -> dict[str, float]:
    """Returns the parameters, the largest logit and how far both are apart at most.

    Raises:
        UserError: if the numbers of parameters or the logits differ.
    """
    counts = [peer.call("about")["parameters"] for peer in (ours, theirs)]
    if counts[0] != counts[1]:
        raise UserError(f"the networks differ: {counts[0]:,} and {counts[1]:,} parameters")
    logits = [np.asarray(peer.call("logits"), np.float64) for peer in (ours, theirs)]
    largest, apart = np.abs(logits[1]).max(), np.abs(logits[0] - logits[1]).max()
    if not apart <= _TOLERANCE * max(largest, 1e-6):
        raise UserError(f"the networks differ: logits up to {largest:.3g} are {apart:.3g} apart")
    return {"parameters": counts[0], "largest_logit": largest, "logits_apart": apart}


def check_same_losses(ready: Mapping[str, Mapping[str, Any]], dtype: str) -> None:
    """Checks the first training loss and, in float32, the one after an optimiser step.

    Raises:
        UserError: if one peer's differs from that of eager PyTorch.
    """
    for name, row in ready.items():
        pairs = zip(row["losses"], ready[EAGER]["losses"], strict=True)
        for (loss, expected), tolerance in zip(pairs, _LOSS_TOLERANCES[dtype], strict=False):
            if not abs(loss - expected) <= tolerance * abs(expected):
                raise UserError(f"the loss of {name} is {loss:.6f}, of {EAGER} {expected:.6f}")


def cpu_name() -> str:
    """Returns the processor's name, or its architecture where it is not told."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return os.uname().machine
