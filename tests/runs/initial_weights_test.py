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


def _saved(folder, *, width):
    model = create_model("r3d_18", num_classes=4, width=width, **SIZE)
    variables = random_variables(model, CLIPS)
    metadata = checkpoint.make_metadata(
        model_name="r3d_18",
        model_kwargs={"width": width},
        classes=[f"class {i}" for i in range(4)],
        preprocess={},
        dataset="",
        source="r3d_18.pth",
    )
    checkpoint.save_weights(str(folder), variables, metadata)
    return variables


@functools.cache
def _own():
    return random_variables(create_model("m3dfel", width=8, **SIZE), CLIPS)


def _started(folder):
    variables = _own()
    state = TrainState(jnp.int32(0), variables["params"], variables["batch_stats"], {})
    options = {"classes": ["joy", "fear"], "crop": None, "of_head": set}
    places = functools.partial(places_of_backbone, "m3dfel")
    return state, initial_weights.with_weights(state, str(folder), places_of=places, **options)


def test_the_backbone_is_taken_and_the_rest_is_new(tmp_path, capsys):
    theirs = _saved(tmp_path / "kinetics", width=8)
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


def test_another_width_is_refused(tmp_path):
    _saved(tmp_path / "wide", width=16)
    with pytest.raises(UserError, match=r"\(r3d_18\) do not fit this model"):
        _started(tmp_path / "wide")


def test_of_all_pairs_of_networks_only_one_is_built_around_the_other():
    pairs = [(a, b) for a in MODELS for b in MODELS if places_of_backbone(a, b) is not None]
    assert pairs == [("m3dfel", "r3d_18")]
    assert places_of_backbone("m3dfel", "a network of later") is None
