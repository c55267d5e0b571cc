"""What is written as one file of arrays comes back as the same tree, dots in names included."""

import os

import numpy as np
import pytest
from safetensors import safe_open

from dfer_jax.runs import tensor_file
from dfer_jax.runs.checkpoint_files import DamagedError


def test_names_with_dots_come_back(tmp_path):
    tree = {"params": {"layer1.0.conv1": {"kernel": np.ones((2, 3), np.float32)}, "fc": {}}}
    tree["params"]["fc"]["bias"] = np.arange(3, dtype=np.float32)
    path = str(tmp_path / "model.safetensors")
    tensor_file.write(path, tree)
    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == {"params.layer1/0/conv1.kernel", "params.fc.bias"}
    found = tensor_file.read(path)
    assert found.keys() == {"params"} and found["params"].keys() == {"layer1.0.conv1", "fc"}
    np.testing.assert_array_equal(found["params"]["layer1.0.conv1"]["kernel"], np.ones((2, 3)))
    np.testing.assert_array_equal(found["params"]["fc"]["bias"], [0, 1, 2])


def test_a_file_that_shrinks_while_it_is_read_is_damaged_not_a_crash(tmp_path, monkeypatch):
    path = str(tmp_path / "model.safetensors")
    tensor_file.write(path, {"a": np.ones(9000, np.float32), "b": np.ones(9000, np.float32)})
    put = tensor_file._put

    def shrunk(*arguments):  # after the first array
        os.truncate(path, 20_000)
        put(*arguments)

    monkeypatch.setattr(tensor_file, "_put", shrunk)
    with pytest.raises(DamagedError, match=r"^model\.safetensors is cut short or no file of"):
        tensor_file.read(path)
