"""Files that PyTorch would not write: built by hand."""

import builtins
import io
import os
import pathlib
import pickle
import zipfile

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.interop import inert_pickle, torch_file
from dfer_jax.interop.state_dict import read_state_dict


class Call:
    """Pickles as a call of a function by its name, with arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class _Pickler(pickle._Pickler):
    """Writes names as they are given, and storages as references."""

    def persistent_id(self, obj):
        return obj if isinstance(obj, tuple) and obj[:1] == ("storage",) else None

    def save_global(self, obj, name=None):
        module, _, name = obj.dotted.rpartition(".")
        self.write(b"c" + f"{module}\n{name}\n".encode())

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Named):
            self.save_global(obj)
        else:
            super().save(obj, save_persistent_id)


class Named:
    def __init__(self, dotted):
        self.dotted = dotted

    def __call__(self):
        raise AssertionError("only pickled")


REBUILD = Named("torch._utils._rebuild_tensor_v2")


def tensor(key="0", *, shape=(2,), strides=(1,), offset=0, count=2, kind="torch.FloatStorage"):
    storage = ("storage", Named(kind), key, "cpu", count)
    return Call(REBUILD, storage, offset, shape, strides, False, {})


def write(path, content, storages=None, **more):
    stream = io.BytesIO()
    _Pickler(stream, 2).dump(content)
    write_pickle(path, stream.getvalue(), storages, **more)
    return str(path)


def write_pickle(path, data, storages=None, **more):
    storages = storages or {"0": np.array([1, 2], np.float32).tobytes()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", data)
        for name, value in {**{f"data/{k}": v for k, v in storages.items()}, **more}.items():
            archive.writestr(f"x/{name}", value)
    return str(path)


@pytest.mark.parametrize(
    "keys", [(), ("state_dict",), ("model",), ("net", "module"), ("model",) * 3]
)
def test_wrapped_state_dicts(tmp_path, keys):
    content = {"w": tensor()}
    for key in keys:
        content = {"epoch": 1, key: content, "loss": tensor()}
    found = read_state_dict(write(tmp_path / "a.pth", content))
    assert found.keys() == {"w"} and found["w"].tolist() == [1, 2]


def test_big_endian_files(tmp_path):
    storages = {"0": np.array([1, 2], ">f4").tobytes()}
    found = read_state_dict(write(tmp_path / "a.pth", {"w": tensor()}, storages, byteorder="big"))
    assert found["w"].tolist() == [1, 2]


def test_nothing_is_called_whatever_the_pickle_asks_for(tmp_path):
    target = tmp_path / "pwned"
    content = {
        "state_dict": {"w": tensor()},
        "a": Call(Named("builtins.open"), str(target), "w"),
        "b": Call(Named("os.system"), f"touch {target}"),
        "c": Call(Named("builtins.eval"), f"open({str(target)!r}, 'w')"),
    }
    path = write(tmp_path / "a.pth", content)
    assert read_state_dict(path)["w"].tolist() == [1, 2]
    data = pickle.dumps({"w": Call(builtins.open, str(target), "w")})
    with pytest.raises(UserError, match="'w' is not a tensor"):
        read_state_dict(write_pickle(tmp_path / "a.pth", data))
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([1, 2], "holds a list, not a state dict; .*torch.save"),
        ({"w": 3.0, "epoch": 1}, "is not a state dict: 'w' is not a tensor; .*torch.save"),
        ({}, "it is empty"),
        ({"w": tensor(shape=(3,))}, "a tensor reaches beyond its storage"),
        ({"w": tensor(offset=1)}, "a tensor reaches beyond its storage"),
        ({"w": tensor(offset=-1)}, "shape makes no sense"),
        ({"w": tensor(shape=(2**60,), strides=(0,))}, "promise more numbers than it holds"),
        ({"w": tensor(shape=(2, 2))}, "shape makes no sense"),
        ({"w": tensor(key="../0")}, "x/data/../0"),
        ({"w": tensor(kind="torch.QInt8Storage")}, "a storage of type torch.QInt8Storage"),
        ({"w": tensor(kind="os.FloatStorage")}, "a storage of type os.FloatStorage"),
    ],
)
def test_content_that_makes_no_sense(tmp_path, content, why):
    with pytest.raises(UserError, match=why):
        read_state_dict(write(tmp_path / "a.pth", content))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02" + b"(" * 10 + b".",
        b"\x80\x02}" + b"\x8e" + (2**60).to_bytes(8, "little") + b".",  # bytes that are not there
        b"\x80\x02}r" + (2**32 - 1).to_bytes(4, "little") + b"h\x00.",  # a memo of 4 billion
        b"\x80\x02}" + b")" + b"\x85" * 50_000 + b"K\x01s.",  # a key nested 50,000 deep
        b"\x80\x02\x82\x01.",  # of the extension registry
        b"K\x01" + b"\x85" * 50_000 + b".",
    ],
)
def test_pickles_made_to_break_a_reader(tmp_path, data):
    with pytest.raises(UserError) as caught:
        read_state_dict(write_pickle(tmp_path / "a.pth", data))
    assert "\n" not in str(caught.value)


def test_ordered_dict_of_python_2(tmp_path):
    items = Call(Named("collections.OrderedDict"), [["w", tensor()]])
    assert read_state_dict(write(tmp_path / "a.pth", items))["w"].tolist() == [1, 2]


def test_pickles_of_too_many_steps_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(inert_pickle, "_MOST_STEPS", 100)
    with pytest.raises(UserError, match="its pickle has more than 100 steps"):
        read_state_dict(write(tmp_path / "a.pth", {"w": tensor(), "n": list(range(200))}))


def test_a_file_that_shrinks_while_it_is_read_is_a_sentence(tmp_path, monkeypatch):
    from_golden = pathlib.Path("tests/golden/torch_checkpoint_before_1.6.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(from_golden)
    size = 2500  # of 3,191 bytes, of which the first 2,000 are pickles
    arrays = torch_file._arrays

    def shrunk(path, *arguments, **more):  # all pickles are read, no storage is
        os.truncate(path, size)
        return arrays(path, *arguments, **more)

    monkeypatch.setattr(torch_file, "_arrays", shrunk)
    message = rf"a\.pth has been cut short to {size:,} bytes, .* were there; fetch it again$"
    with pytest.raises(UserError, match=message):
        read_state_dict(str(tmp_path / "a.pth"))


def test_reads_of_more_than_is_there_commit_no_memory(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"x" * 10_000)
    with torch_file._Bounded(open(tmp_path / "a.pth", "rb", buffering=0)) as file:
        assert len(file.read(2)) == 2
        assert len(file.read(2**62)) == 9_998 and file.read(2**62) == b""
