"""The figures of the speed comparisons as text and as JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.speed.network_speed import OURS

_DFEW_CLIPS = 11697
_DFEW_FOLDS = 5
_DFEW_EPOCHS = 80


def heading(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines that say what ran where."""
    work, machine, peak = figures["work"], figures["machine"], figures["measured_peak"]
    on = machine["cpu"] if work["device"] == "cpu" else machine["device"]
    threads = f", PyTorch {machine['threads']} threads" * (work["device"] == "cpu")
    load = figures["load"]
    yield (
        f"{on}, {machine['cores']} cores{threads}, load {load['before']:.1f} before, "
        f"{load['after']:.1f} after"
    )
    yield (
        f"Python {machine['python']}, JAX {machine['jax']}, jaxlib {machine['jaxlib']}, "
        f"PyTorch {machine['torch']}"
    )
    yield (
        f"measured peak: {peak['flops_per_s'] / 1e9:,.0f} GFLOP/s {work['dtype']}, "
        f"{peak['bytes_per_s'] / 1e9:,.0f} GB/s"
    )


def rows(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines of one comparison."""
    work, agreement = figures["work"], figures["agreement"]
    size = f"{work['image_size']}x{work['image_size']}"
    yield (
        f"{work['task']}: {work['batch']} x {work['frames']} frames of {size}, width "
        f"{work['width']}, {work['dtype']}; {agreement['parameters']:,} parameters, logits up to "
        f"{agreement['largest_logit']:.2f} agree to {agreement['logits_apart']:.1e}; "
        f"{figures['flops_per_clip'] / 1e9:.3g} GFLOP per clip"
    )
    latency = work["task"] == "latency"
    tail = f"{'p50 ms':>9}{'p95 ms':>9}" if latency else ""
    yield (
        f"{'':24}{'ms (min..max)':>26}{tail}{'clips/s':>9}{'ours x':>8}{'GFLOP/s':>9}{'of peak':>9}"
        f"{'memory':>9}{'compile':>9}{'first':>8}"
    )
    for name, row in figures["rows"].items():
        yield _row(name, row, figures, latency=latency)


def _row(name: str, row: Mapping[str, Any], figures: Mapping[str, Any], *, latency: bool) -> str:
    low, middle, high = (1e3 * row[f"{key}_s"] for key in ("min", "median", "max"))
    tail = "".join(f"{1e3 * row[key]:9.2f}" for key in ("p50_s", "p95_s")) if latency else ""
    times = figures["ours_times_as_fast"][name]
    compiling = f"{row['compile_s']:7.1f} s" if "compile_s" in row else f"{'':9}"
    return (
        f"{name:24}{f'{middle:.2f} ({low:.2f}..{high:.2f})':>26}{tail}{row['clips_per_s']:9.1f}"
        f"{times:8.2f}{row['flops_per_s'] / 1e9:9.1f}{100 * row['share_of_peak']:7.1f} %"
        f"{row['peak_bytes'] / 2**30:5.1f} GiB{compiling}{row['first_call_s']:6.1f} s"
    )


def projection(train: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Returns the hours five folds of 80 epochs of DFEW take at the measured rates.

    Each epoch trains on four fifths of the 11,697 clips and is evaluated on the others. Steps only:
    compiling, checkpoints and waiting for data come on top.
    """
    clips = _DFEW_EPOCHS * _DFEW_CLIPS  # all five folds' test clips: every clip once an epoch
    training = clips * (_DFEW_FOLDS - 1) / train["rows"][OURS]["clips_per_s"]
    evaluating = clips / evaluation["rows"][OURS]["clips_per_s"]
    return {"train_hours": training / 3600, "eval_hours": evaluating / 3600}


def project(figures: Mapping[str, float]) -> str:
    """Returns the projection as a sentence."""
    training, evaluating = figures["train_hours"], figures["eval_hours"]
    return (
        f"DFEW, {_DFEW_FOLDS} folds x {_DFEW_EPOCHS} epochs of {_DFEW_CLIPS:,} clips at these "
        f"rates: {_duration(training)} of training and {_duration(evaluating)} of evaluation "
        "(steps only)"
    )


def _duration(hours: float) -> str:
    return f"{60 * hours:.1f} min" if hours < 2 else f"{hours:,.1f} h"


def write(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2))
