import importlib.util
import pathlib

import clip_dataset
import jax
import jax.numpy as jnp
import pytest
import tiny

import configs
from configs import dfew
from dfer_jax import experiment, parallel
from dfer_jax.errors import UserError

FILES = sorted(pathlib.Path(configs.__path__[0]).glob("[!_]*.py"))
ONE = parallel.over(jax.devices()[:1])


@pytest.mark.parametrize("path", [p for p in FILES if p.stem != "base"], ids=lambda p: p.stem)
def test_every_config_checks_and_builds_its_model(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config()
    assert config.name == path.stem
    experiment.check(config, ONE)
    kwargs = experiment.model_kwargs(config)
    model = experiment.create_model(config.model.name, kwargs, dtype="float32", parallel=ONE)
    size = config.model.image_size
    clips = jax.ShapeDtypeStruct((2, experiment.num_frames(config), size, size, 3), jnp.float32)

    def forward(clips):
        return model.init_with_output(jax.random.key(0), clips, train=False)[0][0]

    assert jax.eval_shape(forward, clips).shape == (2, 7)


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


def test_clips_below_min_frames_are_dropped_and_listed(tmp_path, caplog):
    clip_dataset.build(str(tmp_path), "truth")
    config = tiny.config(tmp_path)
    config.data.min_frames = 16
    sources = experiment.open_sources(config)
    long = [n for n in clip_dataset.LENGTHS if n >= 16]
    assert len(sources.train) == len(long)
    text = " ".join(
        record.getMessage() for record in caplog.records if record.levelname == "WARNING"
    )
    assert f"drops {len(clip_dataset.LENGTHS) - len(long)} of {len(clip_dataset.LENGTHS)}" in text
    assert "00000" in text
