"""Judging training clips by their views: the verdicts, the files, the command."""

import csv
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import random_variables
import tiny

from dfer_jax.clips import evaluate_run, experiment, noisy_labels
from dfer_jax.clips.noisy_labels import clips
from dfer_jax.clips.report.inputs import read_evaluations
from dfer_jax.clips.sources import open_sources
from dfer_jax.clips.task import ClipTask
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.runs import checkpoint
from dfer_jax.runs.evaluation_files import is_evaluated
from dfer_jax.runtime import parallel
from dfer_jax.training import agreement, network

VIEWS = 4
SETTINGS = agreement.Agreement(warmup_epochs=3, views=VIEWS)


def sure(*classes, p=0.94):
    """Returns views [K, 7], each of which gives its class probability p."""
    rest = (1 - p) / 6
    return np.where(np.arange(7) == np.array(classes)[:, None], p, rest).astype(np.float32)


# Views, label, and what must be said: share, modal class, verdict.
CASES = [
    (sure(1, 1, 1, 1), 1, 1.0, 1, "clean"),
    (sure(1, 1, 1, 1), 2, 1.0, 1, "noisy"),
    (sure(1, 1, 3, 1), 2, 0.75, 1, "hard"),
    (sure(1, 1, 1, 1, p=0.4), 2, 1.0, 1, "clean"),  # a margin of 0.3 does not exceed 0.5
    (sure(5, 4, 5, 4), 4, 0.5, 4, "hard"),
    (sure(0, 1, 2, 3), 6, 0.25, 0, "hard"),
    (sure(6, 6, 6, 6, p=0.99), 0, 1.0, 6, "noisy"),
]


def batches(cases, size=3):
    """Batches as the pipeline gives them, the views' predictions in the place of pictures."""
    for start in range(0, len(cases), size):
        rows = cases[start : start + size]
        missing = size - len(rows)
        yield {
            "views": np.stack([c[0] for c in rows] + [sure(1, 1, 1, 1)] * missing),
            "labels": np.array([c[1] for c in rows] + [0] * missing, np.int32),
            "mask": np.arange(size) < len(rows),
            "clip_id": np.array([f"clip {start + i}" for i in range(len(rows))] + [""] * missing),
        }


def seen(variables, batch):
    return {}, {"probabilities": batch["views"]}


@pytest.fixture
def host(monkeypatch):
    """Batches stay where they are, so that views can be the predictions themselves."""

    def put(devices, batch):
        assert set(batch) == {"views"}, "the judge must see nothing but the views"
        return batch

    monkeypatch.setattr(parallel.Parallel, "put", put)


DEVICES = parallel.over([])


def judged_of(cases=CASES):
    return noisy_labels.judge_clips(seen, {}, batches(cases), DEVICES, SETTINGS, classes=CLASSES)


def test_verdicts_are_in_the_order_of_the_source_without_padding(host):
    judged = judged_of()
    assert judged.clip_ids.tolist() == [f"clip {i}" for i in range(7)]
    assert judged.share.tolist() == [case[2] for case in CASES]
    assert judged.modal_class.tolist()[:4] + judged.modal_class.tolist()[6:] == [1, 1, 1, 1, 6]
    assert [agreement.VERDICTS[v] for v in judged.verdict] == [case[4] for case in CASES]
    assert judged.counts == {"clean": 2, "hard": 3, "noisy": 2}
    np.testing.assert_allclose(judged.label_probability[[0, 1, 6]], [0.94, 0.01, 1 / 600], 1e-4)
    np.testing.assert_allclose(judged.margin[:2], [0, 0.93], atol=1e-6)
    assert judged.noisiest.tolist() == [6, 1] and judged.hardest.tolist() == [5, 4, 2]
    dtypes = [judged.labels, judged.modal_class, judged.share, judged.margin, judged.verdict]
    assert [a.dtype for a in dtypes] == [np.int32, np.int32, np.float32, np.float32, np.int8]


def test_views_in_another_order_and_other_labels_change_only_what_they_may(host):
    rng = np.random.default_rng(0)
    views = rng.dirichlet(np.ones(7), (20, VIEWS)).astype(np.float32)
    cases = [(v, i % 7) for i, v in enumerate(views)]
    judged = judged_of(cases)
    turned = judged_of([(v[::-1], label) for v, label in cases])
    assert judged.rows() == turned.rows()
    relabelled = judged_of([(v, (label + 1) % 7) for v, label in cases])
    np.testing.assert_array_equal(relabelled.share, judged.share)
    np.testing.assert_array_equal(relabelled.modal_class, judged.modal_class)
    assert (relabelled.margin != judged.margin).any()


def test_rows_of_two_processes_are_put_together_batch_by_batch(host, monkeypatch):
    whole = judged_of()
    halves = [
        [{k: v[part::2] for k, v in b.items()} for b in batches(CASES, 4)] for part in range(2)
    ]

    def of_other(own):
        (name,) = [
            n for n in halves[0][0] if np.array_equal(np.stack([b[n] for b in halves[0]]), own)
        ]
        return np.stack([b[name] for b in halves[1]])

    monkeypatch.setattr(
        clips.processes, "gather_rows", lambda own: np.concatenate([own, of_other(own)], axis=1)
    )
    monkeypatch.setattr(
        clips.processes, "gather", lambda own: [own, of_other(np.array(own)).tolist()]
    )
    found = noisy_labels.judge_clips(seen, {}, halves[0], DEVICES, SETTINGS, classes=CLASSES)
    by_id = {row["clip_id"]: row for row in whole.rows()}
    assert found.clip_ids.tolist() == [f"clip {i}" for i in (0, 2, 1, 3, 4, 6, 5)]
    assert found.rows() == [by_id[clip_id] for clip_id in found.clip_ids]


def test_what_cannot_be_judged_is_refused(host):
    with pytest.raises(UserError, match="has no clip"):
        judged_of([])
    with pytest.raises(UserError, match="not finite"):
        judged_of([(np.full((VIEWS, 7), np.nan, np.float32), 0)])
    with pytest.raises(UserError, match="agreement of 4 views got 3"):
        judged_of([(sure(1, 1, 1), 0)] * 3)


def test_files_give_back_every_number_and_list_the_doubtful_first(host, tmp_path):
    judged = judged_of()
    about = {"step": 3, "robust": {"views": 4, "a_noisy": 1.0, "m_noisy": 0.5}}
    path = noisy_labels.write_judged(str(tmp_path), "train", judged, about)
    assert path == noisy_labels.judged_file(str(tmp_path))
    again, read_about = noisy_labels.read_judged(path)
    assert read_about == about
    for name in ("clip_ids", "labels", "modal_class", "share", "margin", "label_probability"):
        np.testing.assert_array_equal(getattr(again, name), getattr(judged, name), name)
    np.testing.assert_array_equal(again.verdict, judged.verdict)
    with open(path.removesuffix("json") + "csv", newline="") as file:
        rows = list(csv.DictReader(file))
    margins = [float(row["margin"]) for row in rows]
    assert margins == sorted(margins, reverse=True) and len(rows) == 7
    assert rows[0]["clip_id"] == "clip 6" and rows[0]["verdict"] == "noisy"
    assert (rows[0]["label"], rows[0]["modal_class"]) == (CLASSES[0], CLASSES[6])
    assert not is_evaluated(str(tmp_path)), "what the views say is no evaluation"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": []}, "it has no clip"),
        ({"views": None}, "is damaged"),
        ({"counts": {"clean": 7, "hard": 0, "noisy": 0}}, "do not add up"),
        ({"classes": ["a"]}, "label 'fear' is none of a"),
    ],
)
def test_damaged_files_are_one_sentence(host, tmp_path, change, message):
    path = noisy_labels.write_judged(str(tmp_path), "train", judged_of(), {})
    with open(path) as file:
        content = json.load(file) | change
    with open(path, "w") as file:
        json.dump(content, file)
    with pytest.raises(UserError, match=message):
        noisy_labels.read_judged(path)
    with pytest.raises(UserError, match="cannot be read"):
        noisy_labels.read_judged(str(tmp_path / "none.json"))


@pytest.fixture(scope="module")
def plain_run(built_clips, tmp_path_factory):
    """A checkpoint of plain cross-entropy that nobody evaluated, and its config."""
    base = tmp_path_factory.mktemp("judge")
    config, run = tiny.config(built_clips), str(base / "run")
    devices = parallel.over(jax.devices()[:1])
    task = ClipTask(config, devices)
    kwargs = experiment.model_kwargs(config, num_classes=7)
    model = network.create_model(config.model.name, kwargs, dtype="float32", parallel=devices)
    variables = random_variables.random_variables(model, jnp.zeros((1, 4, 32, 32, 3)))
    state = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(task.init))
    state = state.replace(step=jnp.int32(3), **variables)
    with checkpoint.Checkpoints(run, best_metric=task.best_metric) as checkpoints:
        checkpoints.save(state, metrics={}, metadata=task.metadata)
    return config, run


def command(config, run):
    written = tiny.file_of(pathlib.Path(run).parent / "plain.py", "config", config.data.data_dir)
    return [f"--workdir={run}", f"--config={written}"]


def test_command_judges_a_plain_run_and_evaluation_repeats_it(
    plain_run, capsys, monkeypatch, commands
):
    config, run = plain_run
    done = commands.run("dfer_jax.clips.noisy_labels", *command(config, run))
    assert done.returncode == 0, done.stderr
    assert "12 training clips by 4 views" in done.stdout and "no report.html" in done.stdout
    by_command, about = noisy_labels.read_judged(noisy_labels.judged_file(run))
    source = open_sources(config).train
    assert by_command.clip_ids.tolist() == [source[i]["clip_id"] for i in range(12)]
    assert by_command.labels.tolist() == [source[i]["label"] for i in range(12)]
    assert about["step"] == 3 and about["split"] == "train" and about["robust"]["m_noisy"] == 0.5

    config = config.copy_and_resolve_references()
    config.robust.method, config.robust.m_noisy = "agreement", 0.0
    evaluate_run.evaluate_checkpoints(config, run)
    with open(noisy_labels.judged_file(run), "rb") as file:
        first = file.read()
    judged, _ = noisy_labels.read_judged(noisy_labels.judged_file(run))
    for name in ("share", "margin", "label_probability"):  # here on two devices
        np.testing.assert_allclose(getattr(judged, name), getattr(by_command, name), atol=1e-5)
    assert judged.counts["noisy"] > 0, "no margin is needed with m_noisy=0"
    with open(os.path.join(run, "report.html")) as file:
        page = file.read()
    assert f"<dd>{judged.counts['noisy']}<small>" in page and "Labels to check" in page
    assert {e.split for e in read_evaluations(run)} == {"test"}
    monkeypatch.setattr(evaluate_run.report, "write_report", lambda *_, **frames: [*frames])
    evaluate_run.judge_last_checkpoint(config, run)
    assert "['training_filmstrips']" in capsys.readouterr().out, "the report was not written again"
    with open(noisy_labels.judged_file(run), "rb") as file:
        assert file.read() == first
    config.seed = 1
    other = evaluate_run.judge_last_checkpoint(config, run)
    assert (other.label_probability != judged.label_probability).any()
    still = judged.clip_ids == "00000"  # all views of its one frame are the same
    assert other.label_probability[still] == judged.label_probability[still]


def test_command_refuses_what_it_cannot_judge(plain_run, tmp_path, commands):
    config, run = plain_run
    config = config.copy_and_resolve_references()
    with pytest.raises(UserError, match="there is no checkpoint in"):
        evaluate_run.judge_last_checkpoint(config, str(tmp_path))
    config.task = "frames"
    with pytest.raises(UserError, match="only clips with one label each"):
        evaluate_run.judge_last_checkpoint(config, run)
    config.task = "clips"
    config.model.width = 16
    with pytest.raises(UserError, match=r"kwargs\.width: 8 -> 16"):
        evaluate_run.judge_last_checkpoint(config, run)
    done = commands.run("dfer_jax.clips.noisy_labels", "--config=configs/base.py", "now")
    assert done.returncode == 2 and "unexpected arguments ['now']" in done.stderr
