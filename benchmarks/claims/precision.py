r"""Does a training in bfloat16 go as one in float32? Loss and accuracy by epoch, same seeds.

    dfer build synthetic_dfer/tiny
    python -m benchmarks.claims.precision --out runs/precision

Each seed is trained twice with configs/synthetic.py, once with `model.dtype=float32` and once with
`bfloat16` (convolutions and matrix products; parameters, normalisation statistics, softmax and
losses stay float32). Prints the table and, for each row, how far the two precisions are apart at
the same seed beside how far seeds are apart in float32. Complete runs are not repeated.
"""

import json
import os

from absl import flags

from benchmarks.claims.synthetic_runs import Run, apart, by_epoch, mean_and_spread, run_all
from dfer_jax.errors import run
from dfer_jax.runs.metric_writer import read_metrics

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Each is trained in both precisions.")
_EPOCHS = flags.DEFINE_integer("epochs", 8, "Epochs of each training.", 1)
_OUT = flags.DEFINE_string("out", "runs/precision", "Where the runs and precision.json are kept.")
_JOBS = flags.DEFINE_integer("jobs", 1, "Runs at a time, each on its share of the cores.", 1)

DTYPES = ("float32", "bfloat16")
_COLUMNS = {"train/loss": "training loss", "test/loss": "test loss", "test/war": "test WAR"}


def main(_: list[str]) -> None:
    """Trains what is missing, prints the tables, writes the figures."""
    runs = {(d, s): _run(d, s) for s in _SEEDS.value for d in DTYPES}
    run_all(list(runs.values()), _OUT.value, _JOBS.value)
    rows = {key: read_metrics(os.path.join(_OUT.value, r.name)) for key, r in runs.items()}
    curves = {
        name: {d: [by_epoch(rows[d, s], name) for s in _SEEDS.value] for d in DTYPES}
        for name in _COLUMNS
    }
    print("\n".join(_table(curves)))
    with open(os.path.join(_OUT.value, "precision.json"), "w", encoding="utf-8") as file:
        json.dump({"seeds": _SEEDS.value, "by_epoch": curves}, file, indent=2)


def _run(dtype: str, seed: str) -> Run:
    settings = (f"model.dtype={dtype}", f"seed={seed}", f"train.epochs={_EPOCHS.value}")
    return Run(f"{dtype}_seed{seed}", settings)


def _table(curves: dict[str, dict[str, list[list[float]]]]) -> list[str]:
    """One line an epoch, then how far apart the precisions and the seeds are."""
    cells = [(name, dtype) for name in _COLUMNS for dtype in DTYPES]
    lines = ["| epoch | " + " | ".join(f"{_COLUMNS[n]}, {d}" for n, d in cells) + " |"]
    lines.append("|---" * (len(cells) + 1) + "|")
    for epoch in range(_EPOCHS.value):
        values = [[curve[epoch] for curve in curves[n][d]] for n, d in cells]
        found = " | ".join(mean_and_spread(v, ".3f") for v in values)
        lines.append(f"| {epoch + 1} | {found} |")
    lines += ["", "Apart on average over the epochs:"]
    for name, of in curves.items():
        full, half = (of[dtype] for dtype in DTYPES)
        line = f"{_COLUMNS[name]}: precisions at the same seed {apart(full, half):.3f}"
        if len(full) > 1:
            line += f", neighbouring seeds in float32 {apart(full, full[1:] + full[:1]):.3f}"
        lines.append(line)
    return lines


if __name__ == "__main__":
    run(main)
