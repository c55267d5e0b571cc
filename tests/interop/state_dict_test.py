import builtins
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from dfer_jax.errors import UserError
from dfer_jax.interop.state_dict import read_state_dict

TENSORS = {
    "fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "bn.num_batches_tracked": np.array(5),
}


def _assert_read(path):
    found = read_state_dict(str(path))
    assert found.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", **TENSORS)
    _assert_read(tmp_path / "a.npz")


def test_safetensors(tmp_path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    _assert_read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("suffix", ["pth", "pt", "pth.tar"])
def test_torch(tmp_path, wrapper, suffix):
    torch = pytest.importorskip("torch")
    content = {name: torch.from_numpy(value) for name, value in TENSORS.items()}
    path = tmp_path / f"a.{suffix}"
    torch.save({wrapper: content, "epoch": 3} if wrapper else content, path)
    _assert_read(path)


def test_torch_half_precision_becomes_float32(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.tensor([1.5, 2.0], dtype=torch.bfloat16)}, tmp_path / "a.pth")
    value = read_state_dict(str(tmp_path / "a.pth"))["w"]
    assert value.dtype == np.float32 and value.tolist() == [1.5, 2.0]


def test_torch_objects_are_not_unpickled(tmp_path):
    torch = pytest.importorskip("torch")

    class Payload:
        def __reduce__(self):
            return (builtins.open, (str(tmp_path / "pwned"), "w"))

    torch.save({"w": Payload()}, tmp_path / "a.pth")
    with pytest.raises(UserError, match="holds more than tensors"):
        read_state_dict(str(tmp_path / "a.pth"))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("content", [[1, 2], {"w": 3.0, "epoch": 1}])
def test_torch_file_without_a_state_dict(tmp_path, content):
    torch = pytest.importorskip("torch")
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError, match="not a state dict"):
        read_state_dict(str(tmp_path / "a.pth"))


def test_npz_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="damaged or holds more than arrays"):
        read_state_dict(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@pytest.mark.parametrize("keep", [0, 1, 8, 0.5, 0.9])
def test_truncated_files(tmp_path, suffix, keep):
    tensors = {"w": np.random.RandomState(0).standard_normal(1000)}
    path = tmp_path / f"a.{suffix}"
    if suffix == "npz":
        np.savez(path, **tensors)
    else:
        save_file(tensors, path)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(UserError, match="damaged") as caught:
        read_state_dict(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 0.5, 0.9])
def test_truncated_torch_files(tmp_path, keep):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pth"
    torch.save({"w": torch.ones(1000)}, path)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(UserError, match="damaged"):
        read_state_dict(str(path))


@pytest.mark.parametrize(("package", "suffix"), [("torch", "pth"), ("safetensors", "safetensors")])
def test_package_that_is_not_installed(tmp_path, monkeypatch, package, suffix):
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(UserError, match=r"pip install 'dfer_jax\[torch\]'"):
        read_state_dict(str(path))


def test_unknown_ending_and_missing_file(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(UserError, match="unknown ending"):
        read_state_dict(str(tmp_path / "a.onnx"))
    with pytest.raises(UserError, match="there is no file"):
        read_state_dict(str(tmp_path / "a.pth"))
