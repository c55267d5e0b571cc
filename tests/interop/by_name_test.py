"""Weights of the compared networks become work directories, every name accounted for."""

import numpy as np
import pytest
import rivals_case

from dfer_jax.errors import UserError
from dfer_jax.interop import by_name
from dfer_jax.models import create_model
from dfer_jax.runs import checkpoint


def _state_dict(name, classes):
    """Zeros of the published shapes, as a parallel training with that many classes leaves them."""
    shapes = rivals_case.published(name)
    weights = {f"module.{key}": np.zeros(shape, np.float32) for key, shape in shapes.items()}
    weights["module.fc.weight"] = np.zeros((classes, shapes["fc.weight"][1]), np.float32)
    weights["module.fc.bias"] = np.arange(classes, dtype=np.float32)
    return weights | {"module.stem.1.num_batches_tracked": np.int64(3)}


def test_weights_of_400_classes_become_a_work_directory_that_knows_their_input(tmp_path, capsys):
    np.savez(tmp_path / "kinetics.npz", **_state_dict("mc3_18", 400))
    by_name.convert("mc3_18", str(tmp_path / "kinetics.npz"), str(tmp_path / "run"))
    weights, metadata = checkpoint.load_last_weights(str(tmp_path / "run"))
    np.testing.assert_array_equal(weights["params"]["fc"]["bias"], np.arange(400))
    kwargs = metadata["model"]["kwargs"]
    assert kwargs["num_classes"] == 400
    assert kwargs["normalisation"] == "kinetics"
    assert len(metadata["classes"]) == 400
    out = capsys.readouterr().out
    assert "400 classes" in out
    assert "stem.1.num_batches_tracked" in out, "what is skipped is named"


def test_the_order_that_seven_classes_are_taken_to_have_is_said(tmp_path, capsys):
    np.savez(tmp_path / "of_faces.npz", **_state_dict("mc3_18", 7))
    by_name.convert("mc3_18", str(tmp_path / "of_faces.npz"), str(tmp_path / "run"))
    said = "taken to tell, in the order of DFEW's labels: happiness, sadness, neutral, anger, "
    assert said in capsys.readouterr().out


def test_every_name_is_accounted_for():
    weights = _state_dict("mc3_18", 7)
    del weights["module.layer1.0.conv1.0.weight"]
    weights["module.layer5.weight"] = np.zeros(3, np.float32)
    with pytest.raises(UserError, match="2 problems") as caught:
        by_name.from_state_dict(weights, model=create_model("mc3_18"))
    assert "missing: layer1.0.conv1.0.weight" in str(caught.value)
    assert "unexpected: layer5.weight" in str(caught.value)


def test_a_file_of_another_network_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", weight=np.zeros(3, np.float32))
    with pytest.raises(UserError, match=r"has no fc8\.bias; it does not hold c3d"):
        by_name.convert("c3d", str(tmp_path / "other.npz"), str(tmp_path / "run"))
