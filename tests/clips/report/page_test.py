"""Tests of a run's report on work directories written by hand."""

import base64
import collections
import functools
import json
import os
import re

import cv2
import numpy as np
import pytest
from report_run import (
    Checker,
    clustered_features,
    evaluation,
    jpeg,
    metric_rows,
    write_arrays,
    write_run,
)

from dfer_jax.clips.report import write_report
from dfer_jax.clips.report.embedding import embedding_section
from dfer_jax.clips.report.filmstrips import save_filmstrips
from dfer_jax.clips.report.inputs import read_evaluations
from dfer_jax.clips.report.page import report_sections
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.plotting.page import render

_GATES = {"gates_layer2": np.random.default_rng(1).uniform(0.5, 1.5, (70, 8))}


def read_page(workdir, *, filmstrips=None):
    """Returns the page without writing it, which would draw every picture twice."""
    if filmstrips:
        save_filmstrips(workdir, read_evaluations(workdir)[0], filmstrips)
    return render(report_sections(workdir), title="title")


def test_page_is_self_contained_and_well_formed(tmp_path):
    workdir = write_run(tmp_path)
    write_arrays(tmp_path, evaluation(), features=clustered_features(), **_GATES)
    page = read_page(workdir, filmstrips=lambda clip_id: [jpeg()] * 3)
    checker = Checker(page)
    assert max(collections.Counter(checker.ids).values()) == 1
    references = re.findall(r"url\(#([^)]*)\)", page)
    references += [a[1:] for a in checker.addresses if a.startswith("#")]
    assert references and set(references) <= set(checker.ids)
    outside = [a for a in checker.addresses if not a.startswith(("#", "data:"))]
    assert not outside and "@import" not in page and checker.tags["script"] == 0
    assert not re.search(r"url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page
    assert "#0a0b" not in page, "a chart kept a marker colour"


def test_each_section_is_there_exactly_when_its_data_are(tmp_path):
    by_data = {
        "metrics.jsonl": ["Learning curves", "Training speed"],
        "config.json": ["Configuration"],
        "eval/test.features.npz": ["The space of the features", "What the channel attention does"],
        "eval/test.filmstrips": ["Most confidently wrong"],
    }
    always = ["Last epoch", "Confusion matrix", "Recall of each class", "Reliability"]
    workdir = write_run(tmp_path)
    write_arrays(tmp_path, evaluation(), features=clustered_features(), **_GATES)
    page = read_page(workdir, filmstrips=lambda clip_id: [jpeg()] * 3)
    assert [h for hs in by_data.values() for h in [*hs, *always] if h not in page] == []
    for file, headings in by_data.items():
        os.rename(tmp_path / file, tmp_path / "away")
        page = read_page(workdir)
        assert [h for h in headings if h in page] == [], file
        assert [h for h in always if h not in page] == [], file
        os.rename(tmp_path / "away", tmp_path / file)


def test_same_inputs_give_the_same_bytes(tmp_path):
    workdir = write_run(tmp_path)
    write_arrays(tmp_path, evaluation(), features=clustered_features(), **_GATES)
    assert read_page(workdir) == read_page(workdir)


def test_pictures_and_tables_are_saved_for_papers(tmp_path):
    workdir = write_run(tmp_path)
    write_arrays(tmp_path, evaluation(), features=clustered_features(), **_GATES)
    page = write_report(workdir, filmstrips=lambda clip_id: [jpeg()] * 3)
    with open(page, encoding="utf-8") as file:
        assert file.read().count("image/jpeg") == 15 * 8
    found = sorted(os.listdir(tmp_path / "report"))
    pictures = ["classes", "confidence", "confusion", "embedding-prediction", "embedding-truth"]
    pictures += ["gates-layer2", "intensity", "loss", "recall", "reliability"]
    pictures += ["train-clips-per-s", "train-data-wait"]
    assert [n[:-4] for n in found if n.endswith(".svg")] == pictures
    assert [n[:-4] for n in found if n.endswith(".png")] == pictures
    for name in pictures:
        text = (tmp_path / "report" / f"{name}.svg").read_text()
        assert "var(--" not in text and "#0a0b" not in text, name
    picture = cv2.imread(str(tmp_path / "report" / "classes.png"))
    assert picture.shape[1] == round(4.6 * 300) and picture.std() > 10
    tables = {n for n in found if n.endswith((".csv", ".tex"))}
    for name in ("results", "confusion", "recall-per-class", "reliability", "recall-by-intensity"):
        assert {f"{name}.csv", f"{name}.tex"} <= tables
    recalls = (tmp_path / "report" / "recall-per-class.csv").read_text().splitlines()
    assert recalls[1].startswith("happiness,10,7,70.0,39.67")


def test_headline_tells_the_two_protocols_apart(tmp_path):
    files = {
        "test": evaluation(wrong=3),
        "test.best": evaluation(wrong=2, selection="best on test", epoch=2.0),
    }
    page = read_page(write_run(tmp_path, evaluations=files))
    last, best = page.index("Last epoch"), page.index("Best epoch chosen on test")
    assert last < page.index("70.0 %") < best < page.index("80.0 %", best)
    assert "The papers' protocol" in page and "14.3 %" in page and ">best<" in page
    assert "95 %: 58.5 to 79.5" in page  # Wilson interval of 49 of 70


def test_rendered_faces_are_announced_and_real_ones_are_not(tmp_path):
    real = {"test": evaluation(synthetic=False)}
    assert "Rendered faces" in read_page(write_run(tmp_path / "a"))
    page = read_page(write_run(tmp_path / "b", evaluations=real))
    assert "Rendered faces" not in page and "peak intensity" not in page


def test_filmstrips_show_the_most_confident_clips(tmp_path):
    asked = []
    workdir = write_run(tmp_path)
    page = read_page(workdir, filmstrips=lambda c: asked.append(c) or [jpeg()])
    wrong = [f"{name}-0" for name in CLASSES] + ["happiness-1"]
    assert asked == wrong + [f"{name}-3" for name in CLASSES]
    assert "truth <strong>fear</strong>" in page and "<strong>happiness 87.4 %" in page


def test_filmstrips_are_kept_for_a_page_written_without_the_data(tmp_path):
    workdir = write_run(tmp_path)
    with_data = read_page(workdir, filmstrips=lambda clip_id: [jpeg()] * 3)
    assert "image/jpeg" in with_data
    assert read_page(workdir) == with_data
    os.remove(tmp_path / "eval" / "test.filmstrips" / "00-0.jpg")
    with pytest.raises(UserError, match=r"cannot read .*00-0\.jpg"):
        read_page(workdir)


def test_small_frames_are_embedded_untouched_and_large_ones_shrunk(tmp_path):
    small, large = jpeg(), jpeg(size=400, noise=255)
    assert len(small) < 6_000 < len(large)
    frames = {"happiness-0": [large]}
    page = read_page(write_run(tmp_path), filmstrips=lambda c: frames.get(c, [small] * 20))
    found = [base64.b64decode(b) for b in re.findall(r"image/jpeg;base64,([^']*)'", page)]
    assert len(found) == 15 * 8 and found[-1] == small
    assert cv2.imdecode(np.frombuffer(found[0], np.uint8), 1).shape == (128, 128, 3)
    with pytest.raises(UserError, match="'sadness-0' is no readable picture"):
        write_report(str(tmp_path), filmstrips=lambda c: [b"x" * 30_000] if c[0] == "s" else [])


def test_everything_from_the_files_is_escaped(tmp_path):
    evil = "<script>alert(1)</script> & $x$ \"'../"
    content = evaluation()
    text = json.dumps(content).replace("fear", "EVIL").replace("tiny", "EVIL")
    content = json.loads(text.replace("EVIL", json.dumps(evil)[1:-1]))
    content |= {"selection": evil, "split": evil, "model": {"name": evil}}
    workdir = write_run(tmp_path, evaluations={"test": content}, config={evil: {evil: evil}})
    write_arrays(tmp_path, content, features=clustered_features(), **_GATES)
    with open(write_report(workdir, filmstrips=lambda clip_id: [jpeg()])) as file:
        checker = Checker(file.read())
    assert checker.tags["script"] == 0
    assert sorted(os.listdir(tmp_path)) == sorted(
        ["config.json", "eval", "metrics.jsonl", "report", "report.html"]
    )


def test_long_runs_and_diverged_runs_still_give_a_small_page(tmp_path):
    rows = metric_rows(steps=5000)
    for row in rows:
        row |= {"train/loss": float("inf")} if "train/loss" in row else {}
    assert len(read_page(write_run(tmp_path, rows=rows))) < 600_000


def test_a_page_of_2341_clips_stays_under_5_megabytes(tmp_path):
    content, noisy = evaluation(), jpeg(size=400, noise=255)
    clips = content["predictions"]
    content["predictions"] = [c | {"clip_id": f"{i:05d}"} for i, c in enumerate(clips * 34)][:2341]
    page = read_page(
        write_run(tmp_path, evaluations={"test": content}, rows=metric_rows(steps=5000)),
        filmstrips=lambda clip_id: [noisy] * 16,  # noise is the worst that a JPEG can hold
    )
    # The map's places are drawn, not computed: t-SNE of so many clips takes ten seconds.
    places = np.random.default_rng(0).normal(size=(2341, 2)).astype(np.float32)
    (found,) = read_evaluations(str(tmp_path))
    drawn = embedding_section(found, places)
    assert drawn.html.count("<use") > 2 * 2341 and page.count("image/jpeg") == 15 * 8
    assert len(page) + len(drawn.html) < 5_000_000


def test_nothing_to_report_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no evaluation in"):
        write_report(str(tmp_path))
    workdir = write_run(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UserError, match="is not a JSON object"):
        write_report(workdir)


def test_imported_weights_have_no_training_to_show(tmp_path):
    workdir = write_run(tmp_path, evaluations={"test": evaluation(selection="imported")})
    (tmp_path / "config.json").unlink()
    (tmp_path / "metrics.jsonl").unlink()
    page = read_page(workdir)
    assert "no training was logged" in page and "Imported weights" in page
    for absent in ("Learning curves", "Training speed", "Configuration", "Epoch 3", "trained for"):
        assert absent not in page


def test_command_line(tmp_path, commands):
    call = functools.partial(commands.run, "dfer_jax.commands.report")
    bad = call(str(tmp_path))
    assert bad.returncode == 1 and bad.stderr.count("\n") == 1, bad.stderr
    assert bad.stderr.startswith("error: no evaluation in")
    assert call().returncode == 2
    run = write_run(tmp_path)
    assert call(run, "--out=x.html").returncode == 2
    assert call(run, run, "--out=x.pdf").returncode == 2
    good = call(run)
    assert good.returncode == 0 and good.stdout.strip().endswith("report.html")
