"""Tests of the report on work directories written by hand."""

import base64
import collections
import html.parser
import json
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.report import write_report
from dfer_jax.report_inputs import read_evaluations, read_metrics

_VOID = {"meta", "link", "img", "br"}


def evaluation(*, selection="last", epoch=3.0, synthetic=True, wrong=3):
    """Ten clips of each class; the first `wrong` of each are taken for the next class."""
    clips = []
    for label in range(7):
        for i in range(10):
            prediction = (label + 1) % 7 if i < wrong else label
            probabilities = np.full(7, 0.02)
            probabilities[prediction] = 0.88 - 0.001 * label - 0.01 * i
            clip = {"clip_id": f"{CLASSES[label]}-{i}", "label": CLASSES[label]}
            clip |= {"prediction": CLASSES[prediction], "probabilities": probabilities.tolist()}
            clips.append(clip | ({"peak_intensity": 0.1 * i} if synthetic else {}))
    confusion = np.eye(7, dtype=int) * (10 - wrong) + np.roll(np.eye(7, dtype=int), 1, 1) * wrong
    scores = {"war": 1 - wrong / 10, "uar": 1 - wrong / 10, "macro_f1": 0.5, "loss": 0.25}
    return scores | {
        "dataset": "synthetic_dfer/tiny" if synthetic else "dfew/full",
        "split": "test",
        "selection": selection,
        "step": int(10 * epoch),
        "epoch": epoch,
        "model": {"name": "gca_ial", "kwargs": {}},
        "classes": list(CLASSES),
        "num_clips": 70,
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
    (folder / "eval").mkdir()
    for name, content in (evaluations or {"test": evaluation()}).items():
        (folder / "eval" / f"{name}.json").write_text(json.dumps(content))
    lines = [json.dumps(row) for row in rows or metric_rows()]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "config.json").write_text(json.dumps(config or {"model": {"name": "gca_ial"}}))
    return str(folder)


def read_page(workdir, **kwargs):
    with open(write_report(workdir, **kwargs), encoding="utf-8") as file:
        return file.read()


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


def test_page_is_self_contained_and_well_formed(tmp_path):
    page = read_page(write_run(tmp_path), filmstrips=lambda clip_id: [jpeg()] * 3)
    checker = Checker(page)
    assert max(collections.Counter(checker.ids).values()) == 1
    references = re.findall(r"url\(#([^)]*)\)", page)
    references += [a[1:] for a in checker.addresses if a.startswith("#")]
    assert references and set(references) <= set(checker.ids)
    outside = [a for a in checker.addresses if not a.startswith(("#", "data:"))]
    assert not outside and "@import" not in page and checker.tags["script"] == 0
    assert not re.search(r"url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page
    assert "#0a0b0" not in page, "a chart kept a marker colour"


def test_same_inputs_give_the_same_bytes(tmp_path):
    workdir = write_run(tmp_path)
    assert read_page(workdir) == read_page(workdir)


def test_headline_tells_the_two_protocols_apart(tmp_path):
    files = {
        "test": evaluation(wrong=3),
        "test.best": evaluation(wrong=2, selection="best on test", epoch=2.0),
    }
    page = read_page(write_run(tmp_path, evaluations=files))
    last, best = page.index("Last epoch"), page.index("Best epoch chosen on test")
    assert last < page.index("70.0 %") < best < page.index("80.0 %", best)
    assert "The papers' protocol" in page and "14.3 %" in page
    assert "95 %: 58.5 to 79.5" in page  # Wilson interval of 49 of 70


def test_rendered_faces_are_announced_and_real_ones_are_not(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    real = {"test": evaluation(synthetic=False)}
    assert "Rendered faces" in read_page(write_run(tmp_path / "a"))
    page = read_page(write_run(tmp_path / "b", evaluations=real))
    assert "Rendered faces" not in page and "peak intensity" not in page


def test_intensity_leaves_neutral_out(tmp_path):
    assert "Recall over 60 clips" in read_page(write_run(tmp_path))


def test_filmstrips_show_the_most_confident_clips(tmp_path):
    asked = []
    page = read_page(write_run(tmp_path), filmstrips=lambda clip_id: asked.append(clip_id) or [])
    wrong = [f"{name}-0" for name in CLASSES] + ["happiness-1"]
    assert asked == wrong + [f"{name}-3" for name in CLASSES]
    assert "truth <strong>fear</strong>" in page and "<strong>happiness 87.4 %" in page


def test_small_frames_are_embedded_untouched_and_large_ones_shrunk(tmp_path):
    small, large = jpeg(), jpeg(size=400, noise=255)
    assert len(large) > 20_000
    frames = {"happiness-0": [large]}
    page = read_page(write_run(tmp_path), filmstrips=lambda c: frames.get(c, [small] * 20))
    found = [base64.b64decode(b) for b in re.findall(r"image/jpeg;base64,([^']*)'", page)]
    assert len(found) == 15 * 8 and found[-1] == small
    assert cv2.imdecode(np.frombuffer(found[0], np.uint8), 1).shape == (160, 160, 3)
    with pytest.raises(UserError, match="'sadness-0' is no readable JPEG"):
        write_report(str(tmp_path), filmstrips=lambda c: [b"x" * 30_000] if c[0] == "s" else [])


def test_everything_from_the_files_is_escaped(tmp_path):
    evil = "<script>alert(1)</script> & $x$ \"'"
    content = evaluation()
    text = json.dumps(content).replace("fear", "EVIL").replace("tiny", "EVIL")
    content = json.loads(text.replace("EVIL", json.dumps(evil)[1:-1]))
    content |= {"selection": evil, "split": evil, "model": {"name": evil}}
    files = {"test": content}
    workdir = write_run(tmp_path, evaluations=files, config={evil: {evil: evil}})
    checker = Checker(read_page(workdir, filmstrips=lambda clip_id: [jpeg()]))
    assert checker.tags["script"] == 0


def test_curves_count_a_repeated_step_once_and_name_what_is_odd(tmp_path):
    rows = [*metric_rows(), {"step": 10, "epoch": 1.0, "test/war": 0.9}]
    rows += [{"step": 31, "epoch": 3.1, "train/loss": float("nan")}]
    workdir = write_run(tmp_path, rows=rows)
    with open(os.path.join(workdir, "metrics.jsonl"), "a", encoding="utf-8") as file:
        file.write('{"step": 32, "epo')
    series, notes = read_metrics(workdir)
    np.testing.assert_array_equal(series["test/war"][0], [1, 2, 3])
    np.testing.assert_array_equal(series["test/war"][1], [0.9, 0.6, 0.6])
    assert np.isnan(series["train/loss"][1][-1])
    assert [note.split()[0] for note in notes] == ["train/loss", "Unreadable"]
    page = read_page(workdir)
    assert "first in epoch 3.1" in page and "left out: 36" in page


def test_long_runs_and_diverged_runs_still_give_a_small_page(tmp_path):
    rows = metric_rows(steps=5000)
    for row in rows:
        row |= {"train/loss": float("inf")} if "train/loss" in row else {}
    assert len(read_page(write_run(tmp_path, rows=rows))) < 600_000


def test_test_split_and_last_epoch_come_first(tmp_path):
    files = {
        "a.best": evaluation(selection="best on validation"),
        "b": evaluation(),
        "validation": evaluation() | {"split": "validation"},
    }
    found = read_evaluations(write_run(tmp_path, evaluations=files))
    assert [e.file for e in found] == ["b.json", "a.best.json", "validation.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.pop("confusion"), "lacks 'confusion'"),
        (lambda e: e.update(confusion=[[1, 2]]), "must be 7 x 7 counts"),
        (lambda e: e.update(confusion=[[1], [2, 3]]), "is damaged"),
        (lambda e: e.update(step="many"), "is damaged"),
        (lambda e: e["predictions"][0].update(label="boredom"), "is damaged"),
        (lambda e: e["predictions"][0].update(probabilities=[1.0]), "is damaged"),
    ],
)
def test_damaged_evaluation_is_one_sentence(tmp_path, change, message):
    content = evaluation()
    change(content)
    with pytest.raises(UserError, match=message):
        write_report(write_run(tmp_path, evaluations={"test": content}))
    assert not (tmp_path / "report.html").exists()


def test_nothing_to_report_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no evaluation in"):
        write_report(str(tmp_path))
    workdir = write_run(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UserError, match="must hold a JSON object"):
        write_report(workdir)


def test_imported_weights_have_no_training_to_show(tmp_path):
    workdir = write_run(tmp_path, evaluations={"test": evaluation(selection="imported")})
    (tmp_path / "config.json").unlink()
    (tmp_path / "metrics.jsonl").unlink()
    page = read_page(workdir)
    assert "no training was logged" in page and "Imported weights" in page
    for absent in ("Learning curves", "Training speed", "Configuration", "Epoch 3", "trained for"):
        assert absent not in page


def test_command_line(tmp_path):
    def call(*args):
        command = [sys.executable, "-m", "dfer_jax.report", *args]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    bad = call(str(tmp_path))
    assert bad.returncode == 1 and bad.stderr.count("\n") == 1, bad.stderr
    assert bad.stderr.startswith("error: no evaluation in")
    assert call().returncode == 2
    good = call(write_run(tmp_path))
    assert good.returncode == 0 and good.stdout.strip().endswith("report.html")
