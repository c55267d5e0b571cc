import importlib.util
import json
import pathlib
import shutil

import clip_dataset
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

import configs
from configs import dfew
from dfer_jax.clips import evaluate_run, experiment
from dfer_jax.clips.sources import evaluation_batches, open_sources, training_batches
from dfer_jax.clips.task import ClipTask
from dfer_jax.data import cached_source
from dfer_jax.data.frame_cache import build as frame_build
from dfer_jax.data.frame_cache.store import Place
from dfer_jax.errors import UserError
from dfer_jax.frames import experiment as frames_experiment
from dfer_jax.runs import checkpoint, workdir
from dfer_jax.runtime import parallel
from dfer_jax.training import network
from dfer_jax.training.loop import Trainer

FILES = [
    path
    for path in sorted(pathlib.Path(configs.__path__[0]).glob("[!_]*.py"))
    if "base" not in path.stem and "get_comparison" not in path.read_text()  # of lists
]
ONE = parallel.over(jax.devices()[:1])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_config_checks_and_builds_its_model(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config()
    assert config.name == path.stem
    of_clips = config.task == "clips"
    kind = experiment if of_clips else frames_experiment
    kind.check(config, ONE)
    kwargs = kind.model_kwargs(config, **({"num_classes": 9} if of_clips else {}))
    model = network.create_model(config.model.name, kwargs, dtype="float32", parallel=ONE)
    size = config.model.image_size
    length = experiment.num_frames(config) if of_clips else config.data.window
    clips = jax.ShapeDtypeStruct((2, length, size, size, 3), jnp.float32)

    def forward(clips):
        return model.init_with_output(jax.random.key(0), clips, train=False)[0][0]

    classes = 9 if of_clips else len(frames_experiment.class_names(config))
    expected = (2, classes) if of_clips else (2, length, classes)
    assert jax.eval_shape(forward, clips).shape == expected


def test_training_splits_are_the_other_folds():
    config = dfew.get_config()
    config.fold = 3
    assert experiment.splits(config) == ("fd1+fd2+fd4+fd5", "fd3", "fd3")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("fold", 6, "fold=6 does not exist; dfew/full has folds 1 to 5"),
        ("fold", 0, "folds 1 to 5"),
        ("data.num_folds", 0, "has no folds"),
        ("data.dataset", "", "data.dataset is empty"),
        ("data.segments", 0, "data.segments=0 must be at least 1"),
        ("data.validation_fraction", 1.5, r"must be in \[0, 1\)"),
        ("train.epochs", 0, "train.epochs=0"),
        ("train.batch_size", 0, "train.batch_size=0"),
        ("model.dtype", "float8", "model.dtype='float8' is unknown"),
        ("model.aux_stages", ("layer2",), "one weight for each of"),
    ],
)
def test_fields_that_cannot_work_are_named(field, value, message):
    config = dfew.get_config()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=message):
        experiment.check(config, ONE)


def test_clips_below_min_frames_are_dropped_and_listed(built_clips, caplog):
    config = tiny.config(built_clips)
    config.data.min_frames = 16
    sources = open_sources(config)
    long = [n for n in clip_dataset.LENGTHS if n >= 16]
    assert len(sources.train) == len(long)
    text = " ".join(
        record.getMessage() for record in caplog.records if record.levelname == "WARNING"
    )
    assert f"drops {len(clip_dataset.LENGTHS) - len(long)} of {len(clip_dataset.LENGTHS)}" in text
    assert "00000" in text


@pytest.fixture(scope="module")
def cache_dir(built_clips, tmp_path_factory):
    """The frame cache of `built_clips`, in another folder."""
    folder = str(tmp_path_factory.mktemp("cached") / "fast_disk")
    frame_build.build(Place("clip_dataset/truth", str(built_clips), 32, folder), num_processes=1)
    return folder


def with_cache(config, folder):
    config.data.cache = True
    config.data.cache_dir = folder
    return config


def test_cached_and_decoded_runs_have_the_same_clips_and_batches(
    built_clips, cache_dir, monkeypatch
):
    decoded, cached = tiny.config(built_clips), with_cache(tiny.config(built_clips), cache_dir)
    for config in (decoded, cached):
        config.data.min_frames = 3
        config.data.validation_fraction = 0.3
    expected = open_sources(decoded)
    monkeypatch.setattr(
        cached_source, "clip_index", None
    )  # with the cache no record is read for it
    found = open_sources(cached)
    steps = {"start_step": 1, "num_steps": 4}
    training = (
        training_batches(decoded, expected.train, **steps),
        training_batches(cached, found.train, **steps),
    )
    for one, other in zip(*training, strict=True):
        np.testing.assert_array_equal(one["clips"], other["clips"])
        np.testing.assert_array_equal(one["labels"], other["labels"])
    for name in ("validation", "test"):
        evaluation = (
            evaluation_batches(decoded, expected.evaluated[name]),
            evaluation_batches(cached, found.evaluated[name]),
        )
        for one, other in zip(*evaluation, strict=True):
            assert one["clip_id"].tolist() == other["clip_id"].tolist()
            np.testing.assert_array_equal(one["clips"], other["clips"])


def test_a_run_started_with_the_cache_is_resumed_without_it(
    built_clips, cache_dir, tiny_run, tmp_path, monkeypatch, one_device
):
    decoded, cached = tiny.config(built_clips), with_cache(tiny.config(built_clips), cache_dir)

    def run(config):
        trainer = Trainer(ClipTask, config, str(tmp_path))
        workdir.claim(str(tmp_path), json.loads(config.to_json_best_effort()), {})
        trainer.run(with_evaluation=True)

    with monkeypatch.context() as patch, pytest.raises(UserError, match="stopped at step 1 of 6"):
        tiny.stop_after(patch, 1)
        run(cached)
    run(decoded)
    whole, mixed = (checkpoint.load_weights(str(d), 6)[0] for d in (tiny_run, tmp_path))
    jax.tree.map(np.testing.assert_array_equal, mixed, whole)
    evaluate_run.evaluate_checkpoints(cached, str(tmp_path))  # with its filmstrips
    assert (tmp_path / "report.html").read_text().count("data:image/jpeg") >= 8


def test_the_cache_has_the_size_the_weights_were_trained_with(
    built_clips, cache_dir, tiny_run, tmp_path, one_device
):
    shutil.copytree(tiny_run, tmp_path, dirs_exist_ok=True)
    evaluating = with_cache(tiny.config(built_clips), cache_dir)
    evaluating.data.decode_size = 48  # the checkpoint says 32
    evaluate_run.evaluate_checkpoints(evaluating, str(tmp_path))
    with pytest.raises(UserError, match=r"no frame cache .*frame_cache_48 \(there is frame_cache_"):
        evaluate_run.evaluate_checkpoints(evaluating, str(tmp_path), overrides=["data.decode_size"])


def test_a_split_that_the_data_set_has_chooses_the_best_epoch(tmp_path):
    config = tiny.config(tmp_path)
    config.data.dataset = clip_dataset.build(str(tmp_path), "plain")
    config.data.validation_split = "absent"
    assert open_sources(config).selection == "best on test"
    config.data.validation_split, config.data.test_split = "test", "train"
    sources = open_sources(config)
    assert sources.selection == "best on validation"
    assert [len(part) for part in (sources.train, sources.validation)] == [
        len(clip_dataset.LENGTHS),
        len(clip_dataset.TEST_LENGTHS),
    ]
    assert list(sources.evaluated) == ["validation", "test"]
    config.data.min_frames = 8
    assert len(open_sources(config).validation) == 3
    config.data.validation_fraction = 0.2
    with pytest.raises(UserError, match="clip_dataset/plain has the split 'test' to choose"):
        open_sources(config)
