"""A table holds runs of one data set: what was trained before it changed is not taken along."""

import re

import fold_dataset
import numpy as np
import pytest

from configs import synthetic
from dfer_jax.clips.crossval import pool, runs, same_data
from dfer_jax.data.identity import Identity
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint

_METADATA = checkpoint.make_metadata(
    model_name="r3d",
    model_kwargs={},
    classes=["joy", "fear"],
    preprocess={"segments": 2},
    dataset="clips",
    source="test",
)


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return fold_dataset.build(tmp_path_factory.mktemp("data"))


@pytest.fixture
def planned(fields, tmp_path):
    config = synthetic.get_config()
    config.update_from_flattened_dict(fields)
    return runs.plan(config, folds=[1, 2, 3], seeds=[0], directory=str(tmp_path / "runs"))


def _trained(run, **facts):
    _trained_in(run.workdir, **facts)


def _trained_in(folder, **facts):
    weights = {"params": {"dense": np.ones(3, np.float32)}, "batch_stats": {}}
    checkpoint.save_weights(folder, weights, _METADATA | facts)


def test_runs_of_now_and_those_that_do_not_say_pass(planned):
    data = planned[0].config.data
    _trained(planned[0], contents=Identity(data.dataset, data.data_dir).read())
    _trained(planned[1])
    same_data.check(planned)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (["labels"], "other labels"),
        (["frames"], "other clips or frames"),
        (["frames", "labels"], "other clips or frames and other labels"),
    ],
)
def test_a_fold_of_before_the_data_changed_is_refused(planned, changed, what):
    data = planned[0].config.data
    now = Identity(data.dataset, data.data_dir).read()
    _trained(planned[0], contents=now)
    _trained(planned[1], contents=now | dict.fromkeys(changed, "of before"))
    said = re.escape(
        f"{data.dataset} has changed: fold 2 seed 0 in {planned[1].workdir} was trained on {what}, "
        "and a table is of one data set; bring the data back as they were, or choose another"
    )
    with pytest.raises(UserError, match=f"^{said}"):
        same_data.check(planned)
    for run in planned:
        run.config.data.data_dir = "elsewhere"  # where the data are not: one is unlike the other
    with pytest.raises(UserError, match=f"^{said}"):
        same_data.check(planned)
    same_data.check(planned[1:])


def test_runs_trained_on_other_labels_are_not_pooled(planned):
    folders = [run.workdir for run in planned]
    for folder, labels in zip(folders, "aab", strict=True):
        _trained_in(folder, contents={"frames": "f", "labels": labels})
    same_data.check_alike([*folders[:2], f"{folders[2]}/eval/test.json", "nowhere"])
    said = re.escape(
        f"{folders[2]} was trained on other labels than {folders[0]}, and a table is of one data"
    )
    with pytest.raises(UserError, match=f"^{said}"):
        pool.pool(folders)
