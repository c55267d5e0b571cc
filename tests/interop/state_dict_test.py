import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from dfer_jax.errors import UserError
from dfer_jax.interop.state_dict import read_state_dict

GOLDEN = Path(__file__).parents[1] / "golden"
TENSORS = {
    "fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "bn.num_batches_tracked": np.array(5),
}


def assert_read(path, tensors=TENSORS):
    found = read_state_dict(str(path))
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_state_dict(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    tensors = {**TENSORS, "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    save(tmp_path / "a.npz", **tensors)
    assert_read(tmp_path / "a.npz", tensors)


def test_safetensors(tmp_path):
    save_file({**TENSORS, "b": np.array([1.5], ml_dtypes.bfloat16)}, tmp_path / "a.safetensors")
    assert_read(tmp_path / "a.safetensors", {**TENSORS, "b": np.array([1.5], np.float32)})


@pytest.mark.parametrize("name", ["torch_checkpoint.pth", "torch_checkpoint_before_1.6.pth"])
def test_checkpoint_that_pytorch_wrote(name, caplog):
    base = np.arange(24, dtype=np.float32)
    expected = {
        "f32": base.reshape(4, 6),
        "shared": base[2:8],
        "transposed": base.reshape(4, 6).T,
        "f16": np.array([1.5, -2], np.float32),
        "bf16": np.array([1.5, -2.25], np.float32),
        "f64": np.array([[0.5]], np.float32),
        "i64": np.array(7),
        "i32": np.array([1, -2], np.int32),
        "u8": np.array([255], np.uint8),
        "flag": np.array([True, False]),
        "parameter": np.array([3], np.float32),
        "empty": np.zeros((0, 3), np.float32),
    }
    assert_read(GOLDEN / name, expected)
    assert "2 of 12 tensors have half precision; they become float32" in caplog.text


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("torch_module.pth", "holds a whole module (__main__.Net), not a state dict"),
        ("torch_module_before_1.6.pth", "holds a whole module (__main__.Net), not a state dict"),
        ("torch_script.pth", "is a TorchScript program, not a state dict"),
    ],
)
def test_what_is_no_state_dict_is_named_with_the_export_to_do(name, what):
    export = "where its code is at hand, export it once with torch.save(model.state_dict(), FILE)"
    assert refusal(GOLDEN / name) == f"{GOLDEN / name} {what}; {export}"


def test_npz_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.array([{}], dtype=object))
    assert "w.npy holds objects" in refusal(tmp_path / "a.npz")


def test_npz_that_promises_more_than_it_holds(tmp_path):
    header = str({"descr": "<f4", "fortran_order": False, "shape": (2**60,)}).encode()
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("w.npy", data)
    found = refusal(tmp_path / "a.npz")
    assert "w.npy promises 4,611,686,018,427,387,904 bytes and holds 8" in found


def test_archive_that_unpacks_to_far_more_than_its_size(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", bytes(300 * 2**20))
    assert "it promises to unpack to 314,572,800 bytes" in refusal(tmp_path / "a.npz")
    (tmp_path / "a.npz").rename(tmp_path / "a.pth")
    assert "it promises to unpack to 314,572,800 bytes" in refusal(tmp_path / "a.pth")


def test_safetensors_that_promises_more_than_it_holds(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    assert "it is damaged" in refusal(tmp_path / "a.safetensors")


def whole(folder, suffix):
    tensors = {"w": np.random.RandomState(0).standard_normal(1000)}
    path = folder / f"a.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, **tensors)
    elif suffix == "safetensors":
        save_file(tensors, path)
    else:
        name = "torch_checkpoint.pth" if suffix == "pth" else "torch_checkpoint_before_1.6.pth"
        path.write_bytes((GOLDEN / name).read_bytes())
    return path


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "pth", "pt"])
@pytest.mark.parametrize("keep", [0, 1, 8, 0.5, 0.9])
def test_truncated_files(tmp_path, suffix, keep):
    path = whole(tmp_path, suffix)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    assert "it is damaged or holds more than arrays" in refusal(path)


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "pth", "pt"])
def test_mutated_files_are_read_or_refused_in_one_sentence(tmp_path, suffix):
    path, random = whole(tmp_path, suffix), np.random.RandomState(1)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(200):
        mutated = data.copy()
        at = random.randint(len(data) if random.rand() < 0.5 else 200, size=random.randint(1, 9))
        mutated[at] = random.randint(256, size=len(at))
        path.write_bytes(mutated.tobytes())
        try:
            read_state_dict(str(path))
        except UserError as error:
            assert "\n" not in str(error)


def test_unknown_ending_and_missing_file(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"")
    assert "has an unknown ending; weights are read from .pth, .pt" in refusal(tmp_path / "a.onnx")
    assert "there is no file" in refusal(tmp_path / "a.pth")
