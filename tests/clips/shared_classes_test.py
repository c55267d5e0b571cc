"""Label sets of any size, from training to the report, and two that meet by name."""

import json
import os

import any_classes
import jax
import numpy as np
import pytest
import tiny

from dfer_jax import labels
from dfer_jax.clips import ensemble, evaluate_run, predictions
from dfer_jax.clips.sources import open_sources
from dfer_jax.clips.task import ClipTask
from dfer_jax.data.cached_source import index_of, with_classes
from dfer_jax.data.frame_cache.build import build
from dfer_jax.data.frame_cache.store import Place
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint, evaluation_files
from dfer_jax.training.loop import Trainer

PAIN = ("no pain", "pain")
ELEVEN = labels.CLASS_ORDER[:8] + labels.CLASS_ORDER[9:12]  # those of MAFW
SIX = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")  # CREMA-D's order
MANY = tuple(f"gesture {i:02d}" for i in range(20))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The data sets of these tests, and one device."""
    folder = tmp_path_factory.mktemp("any_classes")
    sets = {"pain": PAIN, "eleven": ELEVEN, "six": SIX, "seven": labels.CLASSES, "many": MANY}
    for name, classes in sets.items():
        any_classes.build(folder, name, classes, per_class=1 if name == "many" else 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])
        yield folder


def config_of(data, name):
    config = tiny.config(data)
    config.data.dataset = name
    config.train.epochs = 1
    return config


def train(config, run, **start):
    Trainer(ClipTask, config, str(run), **start).run(with_evaluation=False)
    return str(run)


@pytest.fixture(scope="module")
def seven(data, tmp_path_factory):
    """A run that tells the canonical seven apart, and its config."""
    config = config_of(data, "seven")
    run = train(config, tmp_path_factory.mktemp("seven") / "run")
    evaluate_run.evaluate_checkpoints(config, run)
    return config, run


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("pain", PAIN),
        pytest.param("many", MANY, marks=pytest.mark.soak(reason="as two classes, with twenty")),
    ],
)
def test_any_number_of_classes_trains_and_is_reported_by_name(data, tmp_path, name, classes):
    config = config_of(data, name)
    run = train(config, tmp_path / "run")
    variables, metadata = checkpoint.load_last_weights(run)
    assert tuple(metadata["classes"]) == classes
    assert variables["params"]["fc"]["bias"].shape == (len(classes),)
    evaluate_run.evaluate_checkpoints(config, run)
    found = predictions.read(evaluation_files.evaluation_file(run))
    assert found.classes == classes and len(found) == len(classes)
    for clip_id, label in zip(found.clip_ids, found.labels, strict=True):
        assert clip_id == f"test-{classes[label]}-0"
    with open(os.path.join(run, "report.html"), encoding="utf-8") as page:
        text = page.read()
    assert all(name in text for name in classes)
    mixed = ensemble.combine([found, found], np.array([0.5, 0.5]))
    assert mixed.classes == classes
    judged = evaluate_run.judge_last_checkpoint(config, run)
    assert judged.classes == classes
    assert all(row["clip_id"].startswith(f"train-{row['label']}-") for row in judged.rows())


def test_a_checkpoint_refuses_other_classes_unless_asked(data, seven):
    _, run = seven
    config = config_of(data, "six")
    with pytest.raises(
        UserError,
        match=r"tells happiness, .*, fear apart, six has no surprise; eval\.shared_classes=True "
        r"scores the 6 classes that both have",
    ):
        evaluate_run.evaluate_checkpoints(config, run)


def test_scores_on_shared_classes_leave_the_own_scores_alone(data, seven, capsys):
    own_config, run = seven
    own = evaluation_files.evaluation_file(run)
    with open(own, encoding="utf-8") as file:
        before = file.read()
    config = config_of(data, "eleven")
    config.eval.shared_classes = True
    evaluate_run.evaluate_checkpoints(config, run)
    said = capsys.readouterr().out
    assert "eleven test: scored on the 7 classes that it shares with the checkpoint" in said
    assert "4 clips left out (1 of contempt, 1 of anxiety, 1 of helplessness, 1 of dis" in said
    with open(own, encoding="utf-8") as file:
        assert file.read() == before
    assert evaluation_files.evaluation_file(run) == own
    found = predictions.read(os.path.join(run, "eval", "eleven@test.json"))
    assert found.classes == own_config_classes(own_config)
    assert found.about["clips_left_out_by_class"]["contempt"] == 1
    assert sorted(found.clip_ids) == sorted(f"test-{name}-0" for name in labels.CLASSES)
    # The same pictures under the same names: label by name, whatever the places in either order.
    for clip_id, label in zip(found.clip_ids, found.labels, strict=True):
        assert clip_id == f"test-{found.classes[label]}-0"


def own_config_classes(config):
    return open_sources(config).test.classes


def test_a_model_chooses_among_the_shared_classes_only(data, seven):
    _, run = seven
    config = config_of(data, "six")
    config.eval.shared_classes = True
    evaluate_run.evaluate_checkpoints(config, run)
    with open(os.path.join(run, "eval", "six@test.json"), encoding="utf-8") as file:
        raw = json.load(file)
    assert raw["classes"] == [name for name in labels.CLASSES if name != "surprise"]
    assert raw["classes_of_the_model_alone"] == ["surprise"]
    assert all(abs(sum(row["probabilities"]) - 1) < 1e-5 for row in raw["predictions"])


def test_nothing_shared_is_refused_whatever_is_asked(data, seven):
    config = config_of(data, "pain")
    config.eval.shared_classes = True
    with pytest.raises(UserError, match="they share no class, and scores need two"):
        evaluate_run.evaluate_checkpoints(config, seven[1])


def test_a_run_does_not_go_on_with_other_classes(data, seven):
    config = seven[0].copy_and_resolve_references()
    config.data.dataset, config.train.epochs = "eleven", 9
    with pytest.raises(UserError, match=r"tells 7 classes apart .*, but the data set has 11"):
        train(config, seven[1])


def test_weights_of_other_classes_give_the_backbone_and_say_that_the_head_is_new(
    data, seven, tmp_path, capsys
):
    config, run = config_of(data, "eleven"), seven[1]
    task = Trainer(ClipTask, config, str(tmp_path / "run"), init_from=run).task
    fresh = jax.jit(task.init)()
    started = task.start_from(fresh, run)
    said = capsys.readouterr().out
    assert "the backbone is taken, the head for happiness, sadness" in said and "is new" in said
    theirs, _ = checkpoint.load_last_weights(run)
    np.testing.assert_array_equal(started.params["fc"]["bias"], fresh.params["fc"]["bias"])
    same = jax.tree.map(
        lambda a, b: a.shape == b.shape and bool((a == b).all()), started.params, theirs["params"]
    )
    assert [k for k, v in same.items() if not all(jax.tree.leaves(v))] == ["fc"]


@pytest.mark.parametrize("cached", [False, True])
def test_labels_and_index_follow_the_other_side(data, cached):
    if cached:
        build(Place("six", str(data), 32, ""), num_processes=1)
    config = config_of(data, "six")
    config.data.cache = cached
    source = open_sources(config).train
    shared = labels.shared_classes(("fear", "joyful", "calm"), source.classes)
    found, left_out = with_classes(source, shared)
    assert found.classes == ("fear", "joyful")
    assert left_out == {"anger": 2, "disgust": 2, "neutral": 2, "sadness": 2}
    ids = {found[i]["clip_id"]: found.classes[found[i]["label"]] for i in range(len(found))}
    assert ids == {
        "train-fear-0": "fear", "train-fear-1": "fear",
        "train-happiness-0": "joyful", "train-happiness-1": "joyful",
    }  # fmt: skip
    assert [found.classes[i] for i in index_of(found).labels] == list(ids.values())
