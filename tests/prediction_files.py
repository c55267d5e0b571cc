"""Writes evaluation files with chosen predictions."""

import os

import numpy as np

from dfer_jax.clips.evaluation import Evaluation, write_evaluation
from dfer_jax.clips.predictions import confusion_of
from dfer_jax.labels import CLASSES


def random_case(seed, clips=60, *, skill=1.5, first_id=0, labels=None):
    """Returns clip ids, labels and probabilities [n, 7] that are right more often than not."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % 7 if labels is None else np.asarray(labels)
    logits = rng.normal(size=(clips, 7))
    logits[np.arange(clips), labels] += skill
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return [f"{first_id + i:05d}" for i in range(clips)], labels, probabilities


def write(run, clip_ids, labels, probabilities, *, file_name="fd1", **about):
    """Writes `<run>/eval/<file_name>.json` as an evaluation does, and returns its path."""
    predicted = probabilities.argmax(1)
    rows = [
        {
            "clip_id": clip_id,
            "label": CLASSES[label],
            "prediction": CLASSES[answer],
            "probabilities": [round(float(p), 6) for p in share],
        }
        for clip_id, label, answer, share in zip(
            clip_ids, labels, predicted, probabilities, strict=True
        )
    ]
    result = Evaluation(CLASSES, confusion_of(labels, predicted, num_classes=7), 1.0, rows)
    facts = {
        "dataset": "dfew/full",
        "split": file_name.removesuffix(".best"),
        "selection": "best on test" if file_name.endswith(".best") else "last",
        "step": 60,
        "epoch": 2.0,
        "model": {"name": "gca_ial", "kwargs": {}},
        "source": "trained",
    }
    return write_evaluation(os.fspath(run), file_name, result, facts | about)
