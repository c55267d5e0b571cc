"""Work directories written by hand for the tests of the report, and a reader of its pages."""

import collections
import html.parser
import json

import cv2
import numpy as np

from dfer_jax.labels import CLASSES

_VOID = {"meta", "link", "img", "br"}
_PEAKS = 10


def evaluation(*, selection="last", epoch=3.0, synthetic=True, wrong=3, present=7):
    """Ten clips of each of the first `present` classes; `wrong` of each are taken for the next."""
    clips = []
    for label in range(present):
        for i in range(_PEAKS):
            prediction = (label + 1) % 7 if i < wrong else label
            probabilities = np.full(7, 0.02)
            probabilities[prediction] = 0.88 - 0.001 * label - 0.01 * i
            clip = {"clip_id": f"{CLASSES[label]}-{i}", "label": CLASSES[label]}
            clip |= {"prediction": CLASSES[prediction], "probabilities": probabilities.tolist()}
            clips.append(clip | ({"peak_intensity": 0.1 * i} if synthetic else {}))
    confusion = np.eye(7, dtype=int) * (10 - wrong) + np.roll(np.eye(7, dtype=int), 1, 1) * wrong
    confusion[present:] = 0
    scores = {"war": 1 - wrong / 10, "uar": 1 - wrong / 10, "macro_f1": 0.5, "loss": 0.25}
    return scores | {
        "dataset": "synthetic_dfer/tiny" if synthetic else "dfew/full",
        "split": "test",
        "selection": selection,
        "step": int(10 * epoch),
        "epoch": epoch,
        "model": {"name": "gca_ial", "kwargs": {}},
        "classes": list(CLASSES),
        "num_clips": 10 * present,
        "recall": {},
        "confusion": confusion.tolist(),
        "predictions": clips,
    }


def metric_rows(*, steps=30):
    train = [
        {"step": s, "epoch": s / 10, "train/loss": 2 / s, "train/war": 0.5, "train/lr": 0.1}
        | {"train/clips_per_s": 20.0, "train/data_wait": 0.25}
        for s in range(1, steps + 1)
    ]
    scores = {"test/loss": 1.0, "test/war": 0.6, "test/uar": 0.5}
    return train + [{"step": s, "epoch": s / 10} | scores for s in range(10, steps + 1, 10)]


def write_run(folder, *, evaluations=None, rows=None, config=None):
    (folder / "eval").mkdir(parents=True)
    for name, content in (evaluations or {"test": evaluation()}).items():
        (folder / "eval" / f"{name}.json").write_text(json.dumps(content))
    lines = [json.dumps(row) for row in rows or metric_rows()]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "config.json").write_text(json.dumps(config or {"model": {"name": "gca_ial"}}))
    return str(folder)


def write_arrays(folder, content, **arrays):
    """Writes arrays [n, ...] for the clips of `content`, last clip first."""
    clip_ids = np.array([p["clip_id"] for p in content["predictions"]])
    arrays = {name: array[::-1].astype(np.float16) for name, array in arrays.items()}
    np.savez(folder / "eval" / "test.features.npz", clip_id=clip_ids[::-1], **arrays)


def clustered_features(num_clips=70, width=16):
    """Returns features [n, d], ten clips of each class near each other."""
    rng = np.random.default_rng(0)
    centres = 8 * rng.normal(size=(num_clips // 10, width))
    return np.repeat(centres, 10, axis=0) + rng.normal(size=(num_clips, width))


def jpeg(size=24, noise=0):
    pixels = np.random.default_rng(0).integers(0, 1 + noise, (size, size, 3)).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


class Checker(html.parser.HTMLParser):
    """Collects tags, ids and addresses, and fails on unbalanced tags."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.ids, self.addresses = [], collections.Counter(), [], []
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.ids += [value for name, value in attrs if name == "id"]
        self.addresses += [v for name, v in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
