r"""RDFER's parts where the truth is known: are wrong labels found, does it help, is the apex seen?

(labels) plain cross-entropy, agreement of random views, and small-loss selection on clips of which
a fifth have a wrong training label; (apex) the key instants of RDFER's synopsis network against the
true apex, and accuracy with and without looking again around them. Complete runs are not repeated.

    dfer build synthetic_dfer/noisy         # and /tiny
    dfer cache synthetic_dfer/noisy --size 56    # and /tiny
    python -m benchmarks.claims.robust_claims --out runs/robust --jobs 2
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow_datasets as tfds
from absl import app, flags

from benchmarks.claims.synthetic_runs import Run, evaluation, mean_and_spread, run_all
from dfer_jax.data.records import Records
from dfer_jax.data.source import as_str

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each variant")
_PARTS = flags.DEFINE_list("parts", ["labels", "apex"], "Which questions")
_OUT = flags.DEFINE_string("out", "runs/robust", "Where the runs are kept")
_JOBS = flags.DEFINE_integer("jobs", 1, "Runs at a time, each on its share of the cores")
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Where the data sets lie")

_METHODS = ("none", "agreement", "small_loss")
_SMALL = (
    *("model.attention=none", "model.aux_stages=()", "loss.aux_weights=()", "loss.ial_weight=0"),
    *("model.width=8", "model.image_size=48", "data.decode_size=56", "data.cache=True"),
    *("optim.learning_rate=0.03", "optim.schedule=exponential", "train.eval_every_epochs=100"),
    *("data.dataset=synthetic_dfer/tiny", "train.epochs=6", "optim.decay_epochs=4"),
)
_VERDICTS = ("auroc", "precision", "recall", "share_noisy", "share_hard", "war", "uar")
_ON_TINY = (
    *("data.dataset=synthetic_dfer/tiny", "data.cache=True", "robust.method=none"),
    *("model.width=8", "model.image_size=32", "data.decode_size=36"),
    *("train.epochs=24", "train.eval_every_epochs=6", "optim.learning_rate=3e-3"),
)
_RESAMPLE = {"at key instants": "True", "evenly spaced": "False"}


def start(seed: str) -> Run:
    """Returns the training on `tiny`, whose labels are right, that gives the first weights."""
    return Run(f"start_none_seed{seed}", (*_SMALL, f"seed={seed}"))


def judge_labels(seeds: list[str]) -> None:
    """Trains on wrong labels by each method and prints verdicts by epoch and accuracy."""
    run_all([start(seed) for seed in seeds], _OUT.value, _JOBS.value)
    pairs = [(method, seed) for seed in seeds for method in _METHODS]
    with ThreadPoolExecutor(_JOBS.value) as pool:
        list(pool.map(lambda pair: _judged_run(*pair), pairs))
    epochs = {m: [_judged(m, seed) for seed in seeds] for m in _METHODS}
    print("| method | epoch | " + " | ".join(_VERDICTS) + " |")
    print("|---" * (len(_VERDICTS) + 2) + "|")
    for method, runs in epochs.items():
        for epoch in range(len(runs[0])):
            cells = [
                mean_and_spread([100 * run[epoch][name] for run in runs]) for name in _VERDICTS
            ]
            print(f"| {method} | {epoch + 1} | {' | '.join(cells)} |")
    last = [run[-1] for run in epochs["agreement"]]
    peaks = {name: mean_and_spread([r[name] for r in last], ".2f") for name in last[0]}
    print(
        f"\nagreement, last epoch, rightly labelled clips: mean peak intensity of hard "
        f"{peaks['peak_hard']}, of clean {peaks['peak_clean']}; share with a peak below 1/3: of "
        f"the hard {peaks['low_hard']}, of all {peaks['low_all']}"
    )


def _folder(method: str, seed: str) -> str:
    return os.path.join(_OUT.value, f"noisy_{method}_seed{seed}")


def _judged(method: str, seed: str) -> list[dict[str, float]]:
    with open(os.path.join(_folder(method, seed), "judged.json"), encoding="utf-8") as file:
        return json.load(file)


def _judged_run(method: str, seed: str) -> None:
    folder = _folder(method, seed)
    if os.path.exists(os.path.join(folder, "judged.json")):
        return
    os.makedirs(folder, exist_ok=True)
    first = os.path.join(_OUT.value, start(seed).name)
    command = [
        sys.executable,
        "-m",
        "benchmarks.claims.robust_run",
        "--method",
        method,
        "--seed",
        seed,
    ]
    with open(os.path.join(folder, "log.txt"), "a", encoding="utf-8") as log:
        subprocess.run(
            [*command, "--init_from", first, "--out", folder], check=True, stdout=log, stderr=log
        )
    print(f"{folder}: {_judged(method, seed)[-1]}", file=sys.stderr, flush=True)


def find_apex(seeds: list[str]) -> None:
    """Trains RDFER with and without key instants and prints how far they are from the apex."""
    runs = {
        (name, seed): Run(
            f"apex_{flag}_seed{seed}",
            (*_ON_TINY, f"model.resample={flag}", f"seed={seed}"),
            config="configs/rdfer/rdfer_synthetic.py",
        )
        for name, flag in _RESAMPLE.items()
        for seed in seeds
    }
    run_all(list(runs.values()), _OUT.value, _JOBS.value)
    truth = _apexes()
    print("\n| detail clips | WAR | UAR |\n|---|---|---|")
    for name in _RESAMPLE:
        found = [evaluation(_OUT.value, runs[name, seed].name) for seed in seeds]
        cells = [mean_and_spread([100 * r[k] for r in found]) for k in ("war", "uar")]
        print(f"| {name} | {' | '.join(cells)} |")
    errors = [
        _errors(evaluation(_OUT.value, runs["at key instants", seed].name), truth, int(seed))
        for seed in seeds
    ]
    print("\n| instant | median distance to the apex, frames | within 2 frames, % |\n|---|---|---|")
    for name in errors[0]:
        medians = mean_and_spread([float(np.median(e[name])) for e in errors])
        near = mean_and_spread([100 * float((e[name] <= 2).mean()) for e in errors])
        print(f"| {name} | {medians} | {near} |")


def _apexes() -> dict[str, tuple[int, int]]:
    """Returns clip id -> (apex, frames) of the test clips that show an expression."""
    builder = tfds.builder("synthetic_dfer/tiny", data_dir=_DATA_DIR.value)
    rows = Records(builder, "test")
    found = {as_str(r["clip_id"]): (int(r["apex"]), int(r["num_frames"])) for r in rows}
    return {clip_id: facts for clip_id, facts in found.items() if facts[0] >= 0}


def _errors(result: dict, truth: dict[str, tuple[int, int]], seed: int) -> dict[str, np.ndarray]:
    """Returns distances to the apex in frames, of the clips predicted as an expression."""
    rng, errors = np.random.default_rng(seed), []
    for row in result["predictions"]:
        if row["clip_id"] not in truth or row["prediction"] == "neutral":
            continue
        apex, frames = truth[row["clip_id"]]
        even = (np.arange(4) + 0.5) * frames / 4
        draws = rng.integers(0, frames, 4)
        errors.append(
            {
                "key expression (m = 1)": abs(row["key_frames"][0] - apex),
                "middle of the clip": abs((frames - 1) / 2 - apex),
                "one at random": abs(draws[0] - apex),
                "nearest of four key instants": np.abs(np.array(row["key_frames"]) - apex).min(),
                "nearest of four evenly spaced": np.abs(even - apex).min(),
                "nearest of four at random": np.abs(draws - apex).min(),
            }
        )
    return {name: np.array([e[name] for e in errors], float) for name in errors[0]}


def main(argv: list[str]) -> None:
    """Trains what is missing and prints the tables."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    for part in _PARTS.value:
        {"labels": judge_labels, "apex": find_apex}[part](_SEEDS.value)


if __name__ == "__main__":
    app.run(main)
