r"""The systems of ABAW 2021 where the truth is known: static CNN, GRU, transformer, their ensemble.

Every run is `configs/synthetic_frames.py` with a part of the training people held out, on whose
videos the weights of the ensemble are fitted; the heads train on the frozen backbone of the CNN of
the same seed. Complete runs are not repeated, so more seeds only add.

    dfer build synthetic_dfer/frames
    python -m benchmarks.claims.frame_claims --out runs/frame_claims --jobs 2
"""

import os
import subprocess
import sys

from absl import app, flags

from benchmarks.claims.synthetic_runs import Run, evaluation, mean_and_spread, run_all

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each system")
_OUT = flags.DEFINE_string("out", "runs/frame_claims", "Where the runs are kept")
_JOBS = flags.DEFINE_integer("jobs", 1, "Runs at a time, each on its share of the cores")

_HEADS = ("gru", "transformer")
_HELD_OUT = "data.validation_fraction=0.15"
_COLUMNS = ("macro_f1", "accuracy", "score_abaw2")


def runs_of(seed: str) -> dict[str, Run]:
    """Returns the runs of a seed by system."""
    config, flags_ = "configs/synthetic_frames.py", (_HELD_OUT, f"seed={seed}")
    cnn = Run(f"cnn_seed{seed}", flags_, config=config)
    heads = {h: Run(f"{h}_seed{seed}", flags_, cnn, f"{config}:{h}") for h in _HEADS}
    units = Run(f"au_seed{seed}", flags_, config=f"{config}:au")
    return {"cnn": cnn, **heads, "au": units}


def combine(seed: str) -> dict:
    """Combines CNN, GRU and transformer, weights fitted on held-out videos; returns its scores."""
    out = os.path.join(_OUT.value, f"ensemble_seed{seed}")
    members = [os.path.join(_OUT.value, runs_of(seed)[name].name) for name in ("cnn", *_HEADS)]
    command = [sys.executable, "-m", "dfer_jax.commands.ensemble", *members, "--out", out]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return evaluation(_OUT.value, f"ensemble_seed{seed}")


def print_tables(results: dict[str, list[dict]]) -> None:
    """Prints mean +- standard deviation over seeds, scores against the CNN, and F1 by unit."""
    print(f"| system | {' | '.join(_COLUMNS)} | score against the CNN |")
    print("|---" * (len(_COLUMNS) + 2) + "|")
    for system, found in results.items():
        cells = [mean_and_spread([100 * r[column] for r in found]) for column in _COLUMNS]
        gains = [
            100 * (r["score_abaw2"] - cnn["score_abaw2"])
            for r, cnn in zip(found, results["cnn"], strict=True)
        ]
        against = "" if system in ("cnn", "au") else mean_and_spread(gains, "+.2f")
        print(f"| {system} | {' | '.join(cells)} | {against} |")
    weights = [r["model"]["kwargs"]["members"] for r in results["ensemble"]]
    fitted = [", ".join(f"{m['weight']:.2f}" for m in members) for members in weights]
    print(f"\nweights of the ensemble (cnn, gru, transformer): {'; '.join(fitted)}")
    print("\n| action unit | F1 | share active |\n|---|---|---|")
    for unit in results["au"][0]["classes"]:
        f1 = mean_and_spread([100 * r["f1"][unit] for r in results["au"]])
        print(f"| {unit} | {f1} | {100 * results['au'][0]['share_active'][unit]:.1f} |")


def main(argv: list[str]) -> None:
    """Trains what is missing and prints the tables."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    by_seed = [runs_of(seed) for seed in _SEEDS.value]
    run_all([run for runs in by_seed for run in runs.values()], _OUT.value, _JOBS.value)
    results = {
        system: [evaluation(_OUT.value, runs[system].name) for runs in by_seed]
        for system in by_seed[0]
    }
    results["ensemble"] = [combine(seed) for seed in _SEEDS.value]
    print_tables(results)


if __name__ == "__main__":
    app.run(main)
