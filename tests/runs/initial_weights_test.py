"""M3DFEL starts from the weights of an R3D-18: which go where, and what is said and refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import random_variables

from dfer_jax.errors import UserError
from dfer_jax.models import MODELS, create_model
from dfer_jax.runs import checkpoint, initial_weights
from dfer_jax.runs.train_state import TrainState
from dfer_jax.training.network import places_of_backbone

CLIPS = np.zeros((1, 8, 32, 32, 3), np.float32)
SIZE = {"num_frames": 8, "image_size": 32}


@functools.cache
def _variables(name, **options):
    return random_variables(create_model(name, width=8, **SIZE, **options), CLIPS)


def _saved(folder, **params):
    variables = _variables("r3d_18", num_classes=4)
    variables = variables | {"params": variables["params"] | params}
    metadata = checkpoint.make_metadata(
        model_name="r3d_18",
        model_kwargs={"width": 8},
        classes=[f"class {i}" for i in range(4)],
        preprocess={},
        dataset="",
        source="r3d_18.pth",
    )
    checkpoint.save_weights(str(folder), variables, metadata)
    return variables


def _started(folder):
    variables = _variables("m3dfel")
    state = TrainState(jnp.int32(0), variables["params"], variables["batch_stats"], {})
    options = {"classes": ["joy", "fear"], "crop": None, "of_head": set}
    places = functools.partial(places_of_backbone, "m3dfel")
    return state, initial_weights.with_weights(state, str(folder), places_of=places, **options)


def test_the_backbone_is_taken_and_the_rest_is_new(tmp_path, capsys):
    theirs = _saved(tmp_path / "kinetics")
    before, after = _started(tmp_path / "kinetics")
    renamed = {"stem": "features.0", **{f"layer{i}": f"features.{i}" for i in range(1, 5)}}
    taken = 0
    for kind in ("params", "batch_stats"):
        for name, leaves in theirs[kind].items():
            part, dot, rest = name.partition(".")
            if part != "fc":
                place = f"{renamed[part]}{dot}{rest}"
                jax.tree.map(np.testing.assert_array_equal, after.variables[kind][place], leaves)
                taken += kind == "params"
    new = {name for name in before.params if not name.startswith("features.")}
    assert taken == len(before.params) - len(new)
    for name in new:
        jax.tree.map(np.testing.assert_array_equal, after.params[name], before.params[name])
    said = capsys.readouterr().out
    assert "are those of r3d_18: they are the backbone of this network; fc, lstm, norm, " in said


def test_a_part_of_another_shape_is_refused_by_its_name(tmp_path):
    _saved(tmp_path / "wide", **{"layer1.0.conv1.0": {"kernel": np.zeros((3, 3, 3, 8, 16))}})
    message = r"\(r3d_18\) do not fit this model.*\n.*features.1.0.conv1.0.*8, 16.*here.*8, 8"
    with pytest.raises(UserError, match=message):
        _started(tmp_path / "wide")


def test_of_all_pairs_of_networks_only_one_is_built_around_the_other():
    pairs = [(a, b) for a in MODELS for b in MODELS if places_of_backbone(a, b) is not None]
    assert pairs == [("m3dfel", "r3d_18")]
    assert places_of_backbone("m3dfel", "a network of later") is None
