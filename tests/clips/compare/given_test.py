"""Entries that name weights: evaluated where they lie, named so on the page, told what is wrong."""

import os

import numpy as np
import prediction_files
import pytest

from dfer_jax.clips.compare import comparison, dry_run, given, page, rows
from dfer_jax.clips.compare.costs import Costs
from dfer_jax.clips.crossval import runs
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.results.metrics import scores
from dfer_jax.runs import checkpoint, given_weights

RELEASE = {
    "terms": ["for research only & <signed>"],
    "scores": [["fd1", 54.21, 67.53], ["fd2", None, 63.4]],
    "code": "github.com/some/code",
    "code_license": "MIT",
    "protocol": "best epoch on test",
}
LIST = """
def get_comparison():
    small = 'configs/compare_synthetic.py:resnet18'
    return {{
        'title': 'Given', 'table': '', 'note': '', 'folds': {folds}, 'seeds': (0, 1),
        'shared': {shared},
        'entries': {{'Trained': (small, {{}}), 'Theirs': (small, {{}}, {weights!r})}},
    }}
"""


def read(folder, weights, *, folds=(), **shared):
    file = folder / "given.py"
    file.write_text(LIST.format(folds=folds, weights=str(weights), shared=shared))
    return comparison.read(str(file))


def weights_in(folder, *, value=1.0, dataset="synthetic_dfer"):
    """Imported weights; what is in them is of no matter here."""
    metadata = checkpoint.make_metadata(
        model_name="resnet18", model_kwargs={}, classes=CLASSES, preprocess={}, dataset=dataset,
        source="theirs.pth",
    )  # fmt: skip
    variables = {"params": {"x": np.full(3, value, np.float32)}, "batch_stats": {}}
    metadata |= {"source_sha256": "ab" * 32, "release": RELEASE}
    checkpoint.save_weights(str(folder), variables, metadata)


def evaluate(run, **about):
    """Leaves behind what `dfer eval --weights` does."""
    facts = {"weights": given_weights.identity(run.weights, 0), "selection": "imported"}
    facts["dataset"] = "synthetic_dfer/tiny"
    case = prediction_files.random_case(3)
    prediction_files.write(run.workdir, *case, file_name="test", **(facts | about))


def test_they_are_evaluated_once_and_again_when_they_were_changed(tmp_path):
    weights_in(tmp_path / "theirs")
    wanted = read(tmp_path, tmp_path / "theirs")
    assert f"evaluated, not trained: the weights in {tmp_path}/theirs" in dry_run.describe(
        wanted, ""
    )
    planned, commands = comparison.in_order(wanted, str(tmp_path / "out"))
    assert [run.name for run in planned] == ["Trained, seed 0", "Theirs, seed 0", "Trained, seed 1"]
    assert {"--mode=eval", f"--weights={tmp_path}/theirs"} <= set(commands[1])
    assert "--mode=eval" not in commands[0]
    run = planned[1]
    assert runs.state(run).word == "new"
    evaluate(run)
    assert runs.state(run).word == "done"
    assert list(runs.read_results(run)) == ["imported"]
    os.rename(tmp_path / "theirs", tmp_path / "old")
    weights_in(tmp_path / "theirs", value=2.0)
    assert runs.state(run).word == "new", "the scores are of other weights"


def test_they_are_evaluated_again_when_the_data_changed(tmp_path, monkeypatch):
    weights_in(tmp_path / "theirs")
    run = comparison.in_order(read(tmp_path, tmp_path / "theirs"), str(tmp_path / "out"))[0][1]
    now = {"frames": "a", "labels": "b"}
    monkeypatch.setattr(runs, "read_if_there", lambda dataset, data_dir: now)
    for contents, word in (
        (now, "done"),
        (now | {"labels": "c"}, "new"),
        (now | {"frames": "c"}, "new"),
        (None, "new"),  # of an earlier version, which did not say
        ([1], "new"),
    ):
        evaluate(run, contents=contents)
        assert runs.state(run).word == word, contents


def test_the_page_names_them_with_terms_and_their_authors_scores(tmp_path):
    weights_in(tmp_path / "theirs")
    wanted = read(tmp_path, tmp_path / "theirs")
    planned, _ = comparison.in_order(wanted, str(tmp_path / "out"))
    evaluate(planned[1])
    facts = given.facts([planned[1]])
    trained, theirs = wanted.entries
    one = rows.Scores(np.array([[*scores(np.eye(7, dtype=int)).recall, 0.5, 0.5]]))
    costs = Costs(1, 1, 1.0, "cpu")
    results = rows._beside_each_epoch(
        [
            rows.Result(trained, 1, 1, {"last": one}, 60, costs),
            rows.Result(theirs, 1, 1, {"imported": one}, 60, costs, facts),
        ]
    )
    path = page.write(wanted, CLASSES, results, str(tmp_path / "c.html"))
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert "Theirs (evaluated)" in text and "Trained (evaluated)" not in text
    for said in (
        "Evaluated, not trained here",
        f"file theirs.pth, sha256 {'ab' * 8}...; for synthetic_dfer.",
        "Training data: for research only &amp; &lt;signed&gt;.",
        "Code of the network: github.com/some/code, MIT; no licence of the weights is stated",
        "fd1: UAR 54.21, WAR 67.53; fd2: WAR 63.40",
    ):
        assert said in text, said
    assert text.count("Theirs (evaluated)") >= 3 and "imported weights" not in text.lower()


def test_weights_of_one_fold_are_not_tested_on_the_others(tmp_path):
    folds = {"data.dataset": "dfew/full", "data.num_folds": 5}
    weights_in(tmp_path / "all", dataset="dfew")
    with pytest.raises(UserError) as caught:
        read(tmp_path, tmp_path / "all", folds=(1, 2), **folds).plan("")
    assert str(caught.value) == (
        f"Theirs: the weights in {tmp_path}/all were trained on folds of dfew/full, so they cannot "
        "be tested on all of 1, 2; name one folder a fold with {fold} in its path, or the fold "
        "that they left out with --folds"
    )
    weights_in(tmp_path / "elsewhere", dataset="cremad/asked")
    read(tmp_path, tmp_path / "elsewhere", folds=(1, 2), **folds).plan("")
    weights_in(tmp_path / "fd1", dataset="dfew")
    with pytest.raises(UserError, match=r"^Theirs: there are no weights in .*/fd2; correct the"):
        read(tmp_path, tmp_path / "fd{fold}", folds=(1, 2), **folds).plan("")
