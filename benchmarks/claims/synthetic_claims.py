r"""Do the papers' claims hold where the truth is known? Their tables on rendered faces.

Five questions, each a set of runs with several seeds; complete runs are not repeated, so more seeds
or claims only add. Every run is `configs/synthetic.py` at a small size and starts from weights
trained with cross-entropy on `tiny` (clear expressions), one per network and seed: from random
weights most of so short a run would pass before anything is learnt.

    dfer build synthetic_dfer/tiny       # and /balanced, /dfew_like
    dfer cache synthetic_dfer/tiny --size 56    # and the other two
    python -m benchmarks.claims.synthetic_claims --out runs/claims --jobs 2
"""

import subprocess
import sys

from absl import app, flags

from benchmarks.claims.claim_plan import BY_INTENSITY, COMBINED, DISGUST, runs_of
from benchmarks.claims.synthetic_runs import evaluation, mean_and_spread, run_all

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each variant")
_CLAIMS = flags.DEFINE_list("claims", ["a", "c", "d", "e", "b"], "Which claims, and their order")
_OUT = flags.DEFINE_string("out", "runs/claims", "Where the runs are kept")
_JOBS = flags.DEFINE_integer("jobs", 1, "Runs at a time, each on its share of the cores")


def combine(seed: str) -> str:
    """Combines two models, the weight fitted on held-out training clips; returns its folder."""
    members = [f"{_OUT.value}/{runs_of('e', seed)[name].name}" for name in COMBINED]
    out = f"e_combined_seed{seed}"
    command = [
        sys.executable,
        "-m",
        "dfer_jax.commands.ensemble",
        *members,
        "--out",
        f"{_OUT.value}/{out}",
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return out


def print_table(claim: str, names: dict[str, list[str]]) -> None:
    """Prints mean +- standard deviation over seeds, and WAR against the first row, seed by seed."""
    columns = DISGUST if claim == "d" else BY_INTENSITY
    print(f"\n({claim})\n\n| | {' | '.join(columns)} | WAR against the first row |")
    print("|---" * (len(columns) + 2) + "|")
    reference = None
    for variant, folders in names.items():
        results = [evaluation(_OUT.value, folder) for folder in folders]
        cells = [mean_and_spread([100 * of(r) for r in results]) for of in columns.values()]
        wars = [100 * result["war"] for result in results]
        reference = reference or wars
        gains = [war - other for war, other in zip(wars, reference, strict=True)]
        cells.append("" if reference is wars else mean_and_spread(gains, "+.1f"))
        print(f"| {variant} | {' | '.join(cells)} |")


def main(argv: list[str]) -> None:
    """Trains what is missing and prints the tables."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    for claim in _CLAIMS.value:
        by_seed = {seed: runs_of(claim, seed) for seed in _SEEDS.value}
        runs = [run for runs in by_seed.values() for run in runs.values()]
        run_all(runs, _OUT.value, _JOBS.value)
        variants = next(iter(by_seed.values()))
        names = {v: [runs[v].name for runs in by_seed.values()] for v in variants}
        if claim == "e":
            names["combined"] = [combine(seed) for seed in _SEEDS.value]
        print_table(claim, names)


if __name__ == "__main__":
    app.run(main)
