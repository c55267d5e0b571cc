"""Does `intensity` follow the true intensity? On rendered faces, whose truth is known.

    dfer build synthetic_dfer/tiny
    dfer train configs/synthetic.py seed=0        and seed=1, seed=2
    python -m benchmarks.video.intensity runs/synthetic runs/synthetic_seed1 runs/synthetic_seed2

Of each run's test clips, by the last epoch: Pearson's r and Spearman's rho between a measure and
the clip's true peak intensity (neutral clips have 0). Beside `intensity` stands the margin over the
runner-up whatever that is, (p_1 - p_2) / (p_1 + p_2). "expressive" leaves the neutral clips out,
"right" also those that the network takes for something else.
"""

from collections.abc import Callable, Mapping

import numpy as np
from absl import app
from scipy.stats import spearmanr

from dfer_jax.clips.predictions import read
from dfer_jax.recognition.intensity import intensity
from dfer_jax.runs.evaluation_files import evaluation_file

MEASURES: dict[str, Callable[[Mapping[str, float]], float]] = {
    "intensity": intensity,
    "margin over the runner-up": lambda shares: intensity(
        {f"class {k}": p for k, p in enumerate(shares.values())}
    ),
}


def correlations(path: str, measure: Callable[[Mapping[str, float]], float]) -> np.ndarray:
    """Returns r and rho of all clips, of the expressive ones, and of those judged right, [3, 2]."""
    found = read(path)
    truth = np.asarray(found.peak_intensities)
    shares = np.clip(found.probabilities, 1e-6, None)  # they are stored with six digits
    values = np.array([measure(dict(zip(found.classes, row, strict=True))) for row in shares])
    expressive = np.asarray(found.labels) != found.classes.index("neutral")
    right = expressive & (shares.argmax(1) == found.labels)
    return np.array(
        [
            [np.corrcoef(values[rows], truth[rows])[0, 1], spearmanr(values[rows], truth[rows])[0]]
            for rows in (np.ones_like(right), expressive, right)
        ]
    )


def main(argv: list[str]) -> None:
    """Prints mean and standard deviation over the runs."""
    if not (runs := argv[1:]):
        raise app.UsageError("give work directories of runs on synthetic_dfer")
    print(f"{len(runs)} runs: mean +- standard deviation")
    for name, measure in MEASURES.items():
        found = np.stack([correlations(evaluation_file(run), measure) for run in runs])
        spread = found.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros((3, 2))
        for row, clips in enumerate(("all", "expressive", "right")):
            r, rho = (f"{found.mean(0)[row, k]:.3f} +- {spread[row, k]:.3f}" for k in (0, 1))
            print(f"{name:26} {clips:10} r {r}   rho {rho}")


if __name__ == "__main__":
    app.run(main)
