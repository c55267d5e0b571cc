"""Soft labels, mixtures, groups and centres of a config: what fits, and what is refused."""

import clip_dataset
import jax
import numpy as np
import pytest
import tiny

from configs.conv3d import centre_loss, ecstfl_paper
from configs.recurrent import aen, midas
from dfer_jax.clips import experiment, targets
from dfer_jax.clips.task import ClipTask
from dfer_jax.data.cached_source import index_of
from dfer_jax.data.source import open_split
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.runtime import parallel

ONE = parallel.over(jax.devices()[:1])
GROUPS = (("happy", "surprised"), ("neutral",), ("sadness", "anger", "disgust", "fear"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("votes", "truth"):
        clip_dataset.build(str(folder), name)
    return folder


@pytest.fixture
def config(data):
    """Cross-entropy alone, on a network without heads beside it."""
    found = tiny.config(data)
    found.data.dataset = "clip_dataset/votes"
    found.loss.ial_weight = 0.0
    return found


def test_votes_are_targets_and_a_clip_without_has_its_label(config, data):
    config.data.soft_labels = "votes"
    source = open_split(dataset="clip_dataset/votes", split="train", data_dir=str(data))
    shares = targets.soft_labels(config, source)
    names = index_of(source).clip_ids.tolist()
    expected = {name: clip_dataset.votes_of(int(name)) / 10 for name in names}
    expected["00000"] = np.eye(7)[0]
    np.testing.assert_allclose(shares, [expected[name] for name in names], rtol=1e-6)
    task = ClipTask(config, ONE)
    batches = task.batches(jax.eval_shape(task.init), 2, 4)
    for step, batch in enumerate(batches, 2):
        ids = task.clips_at(step)
        np.testing.assert_allclose(batch["targets"], [expected[name] for name in ids], rtol=1e-6)
        np.testing.assert_array_equal(batch["labels"], [int(name) % 7 for name in ids])


def test_groups_are_found_by_name_in_the_order_of_the_data(config):
    config.loss.group_weight, config.loss.groups = 1.0, GROUPS
    found = targets.groups(config, clip_dataset.STORED_NAMES)
    assert found == ((3, 6), (4,), (5, 0, 1, 2))


REFUSED = {
    "unknown": ({"data.soft_labels": "raters"}, r"data.soft_labels='raters' is unknown"),
    "one target": (
        {"data.soft_labels": "votes", "loss.ial_weight": 0.1},
        r"loss.ial_weight=0.1 asks for one label a clip, data.soft_labels=votes gives shares",
    ),
    "centres": (
        {"mix.mixup_alpha": 0.2, "loss.centre_weight": 1e-4},
        r"loss.centre_weight=0.0001 asks for one label a clip, mix gives shares of several",
    ),
    "judged": (
        {"mix.cutmix_alpha": 1.0, "robust.method": "small_loss"},
        r"robust.method=small_loss judges one label a clip, mix gives shares of several",
    ),
    "alone": (
        {"mix.mixup_alpha": 0.2, "train.accumulation_steps": 4},
        r"mix needs two clips together; train.batch_size=4 leaves one for each of 4 micro-batches",
    ),
    "negative": ({"mix.mixup_alpha": -1.0}, r"mix.mixup_alpha=-1.0 must be 0 \(off\) or above"),
    "rate": ({"loss.centre_rate": 1.5}, r"loss.centre_rate=1.5 must be in \[0, 1\]"),
    "no votes": (
        {"data.dataset": "clip_dataset/truth", "data.soft_labels": "votes"},
        r"clip_dataset/truth has no votes of annotators .*extract annotation.zip",
    ),
    "half the classes": (
        {"loss.group_weight": 1.0, "loss.groups": (("happy",), ("sad",))},
        r"loss.groups must name each class of clip_dataset/votes once \(angry, .* not happy, sad",
    ),
    "twice": (
        {"loss.group_weight": 1.0, "loss.groups": (*GROUPS, ("happy",))},
        r"loss.groups must name each class of clip_dataset/votes once",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_with_a_sentence(case, config):
    fields, message = REFUSED[case]
    config.update_from_flattened_dict(fields)
    with pytest.raises(UserError, match=message):
        ClipTask(config, ONE)


CONFIGS = [
    (midas, ()),
    (aen, ()),
    *((ecstfl_paper, (name,)) for name in ecstfl_paper._NETWORKS),
    (centre_loss, ("c3d",)),
    (centre_loss, ("hara_resnet18_b",)),
]


@pytest.mark.parametrize(("file", "arguments"), CONFIGS)
def test_the_configs_are_sound(file, arguments):
    config = file.get_config(*arguments)
    experiment.check(config, ONE)
    targets.check(config, ONE)
    assert len(targets.groups(config, CLASSES)) in (0, 3)
    assert not arguments or config.name.endswith(config.model.name)


def test_a_row_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="there is no row of 'mc3_18'; choose from c3d, hara"):
        centre_loss.get_config("mc3_18")
