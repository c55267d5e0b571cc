"""Work directories of runs on frames, written by hand for the tests of their report."""

import json

import numpy as np

from dfer_jax.frames.evaluation import FrameEvaluation, write_evaluation
from dfer_jax.labels import ACTION_UNITS, CLASSES

ABOUT = {
    "task": "frames",
    "dataset": "synthetic_dfer/frames",
    "split": "test",
    "selection": "last",
    "step": 20,
    "epoch": 2.0,
    "model": {"name": "cnn_gru", "kwargs": {}},
    "source": "trained",
}


def result_of(kind, *, middling=0.5):
    """Four videos of 40, 40, 40 and 1 frames: right, partly right, wrong throughout, right."""
    rng = np.random.default_rng(0)
    video = np.array(["good"] * 40 + ["middling"] * 40 + ["bad<b>"] * 40 + ["single"])
    numbers = [np.arange(40) + 5 * (np.arange(40) > 20), np.arange(40), np.arange(40), [7]]
    wrong = (video == "bad<b>") | (video == "middling") & (rng.random(121) > middling)
    labels = rng.integers(0, 7, 121)
    classes, logits = CLASSES, 5.0 * np.eye(7)[np.where(wrong, (labels + 1) % 7, labels)]
    if kind == "action_units":
        classes, labels = ACTION_UNITS, rng.integers(0, 2, (121, 12))
        logits = np.where(wrong[:, None], 0.5 - labels, labels - 0.5) * 4
    mask = np.arange(121) % 10 != 3
    hidden = mask if kind == "expressions" else mask[:, None]
    return FrameEvaluation(
        kind,
        tuple(classes),
        video,
        np.concatenate(numbers).astype(np.int32),
        np.where(hidden, labels, -1).astype(np.int8),
        mask,
        logits.astype(np.float32),
    )


def write_run(folder, kind="expressions", *, seed=0, middling=0.5, **about):
    """A trained run with two evaluations, curves and a config."""
    result = result_of(kind, middling=middling)
    write_evaluation(str(folder), "test", result, ABOUT | about)
    best = {"selection": "best on test", "epoch": 1.0, "step": 10}
    write_evaluation(str(folder), "test.best", result, ABOUT | best | about)
    rows = [
        {"step": 10, "epoch": 1.0, "train/loss": 2.0, "train/accuracy": 0.2}
        | {"train/windows_per_s": 50.0, "train/data_wait": 0.1},
        {"step": 10, "epoch": 1.0, "test/loss": 1.9, "test/score": 0.3, "test/macro_f1": 0.2},
        {"step": 20, "epoch": 2.0, "test/loss": 1.5, "test/score": 0.5, "test/macro_f1": 0.4},
    ]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "config.json").write_text(json.dumps({"task": "frames", "seed": seed}))
    return str(folder)
