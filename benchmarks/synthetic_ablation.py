r"""Does attention or the intensity-aware loss help? The paper's Table I on rendered faces.

Trains none / GCA / IAL / GCA+IAL by config alone, each with several seeds, and prints WAR, UAR and
the recall of clips whose peak intensity is low, as mean and standard deviation over seeds. Runs
that are complete are not repeated.

    python -m tfds_builders.build synthetic_dfer/balanced
    python -m benchmarks.synthetic_ablation --seeds 0,1,2 --out runs/ablation -- \
        --config.train.epochs=8
"""

import concurrent.futures
import json
import os
import statistics
import subprocess
import sys

from absl import app, flags

# As in the paper, a network without GCA has no auxiliary heads either.
_WITHOUT_GCA = (
    "--config.model.attention=none",
    "--config.model.aux_stages=()",
    "--config.loss.aux_weights=()",
)
VARIANTS = {
    "none": (*_WITHOUT_GCA, "--config.loss.ial_weight=0"),
    "GCA": ("--config.loss.ial_weight=0",),
    "IAL": _WITHOUT_GCA,
    "GCA+IAL": (),
}
LOW, HIGH = 1 / 3, 2 / 3  # bounds of low, middle and high peak intensity

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each variant")
_OUT = flags.DEFINE_string("out", "runs/ablation", "Where the runs are kept")
_JOBS = flags.DEFINE_integer("jobs", 1, "Runs at a time, each on its share of the cores")


def train(variant: str, seed: str, core: int, extra: list[str]) -> dict:
    """Runs one training as a user would; returns its evaluation of the last epoch."""
    workdir = os.path.join(_OUT.value, f"{variant}_seed{seed}")
    result = os.path.join(workdir, "eval", "test.json")
    if not os.path.exists(result):
        command = [
            *(sys.executable, "-m", "dfer_jax.main", "--config", "configs/synthetic.py"),
            *("--config.data.dataset=synthetic_dfer/balanced", f"--config.seed={seed}"),
            *VARIANTS[variant],
            *extra,
            *("--workdir", workdir),
        ]
        if _JOBS.value > 1 and hasattr(os, "sched_setaffinity"):
            share = sorted(os.sched_getaffinity(0))[core :: _JOBS.value]
            command = ["taskset", "-c", ",".join(map(str, share)), *command]
        os.makedirs(workdir, exist_ok=True)
        with open(os.path.join(workdir, "log.txt"), "a", encoding="utf-8") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log)
    with open(result, encoding="utf-8") as file:
        return json.load(file)


def recall_by_intensity(result: dict) -> tuple[float, float, float]:
    """Returns the recall over non-neutral clips of low, middle and high peak intensity."""
    rows = [p for p in result["predictions"] if p["label"] != "neutral"]
    bins = ([], [], [])
    for row in rows:
        peak = row["peak_intensity"]
        bins[(peak >= LOW) + (peak >= HIGH)].append(row["label"] == row["prediction"])
    return tuple(statistics.fmean(hits) for hits in bins)


def summarise(results: list[dict]) -> str:
    """Returns one table row: mean +- standard deviation over seeds, in percent."""
    columns = zip(*((r["war"], r["uar"], *recall_by_intensity(r)) for r in results), strict=True)
    cells = []
    for column in columns:
        spread = statistics.stdev(column) if len(column) > 1 else 0.0
        cells.append(f"{100 * statistics.fmean(column):5.1f} +- {100 * spread:3.1f}")
    return " | ".join(cells)


def main(argv: list[str]) -> None:
    """Trains what is missing and prints the table."""
    runs = [(variant, seed) for seed in _SEEDS.value for variant in VARIANTS]
    results: dict[str, list[dict]] = {variant: [] for variant in VARIANTS}
    with concurrent.futures.ThreadPoolExecutor(_JOBS.value) as pool:
        cores = [i % _JOBS.value for i in range(len(runs))]
        done = pool.map(lambda run, core: train(*run, core, argv[1:]), runs, cores)
        for (variant, _), result in zip(runs, done, strict=True):
            results[variant].append(result)
            print(f"{variant}: WAR {result['war']:.4f}", file=sys.stderr)
    print("| variant | WAR | UAR | recall low | recall middle | recall high |")
    print("|---|---|---|---|---|---|")
    for variant, found in results.items():
        print(f"| {variant} | {summarise(found)} |")


if __name__ == "__main__":
    app.run(main)
