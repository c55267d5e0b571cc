import errno
import json
import os
import pathlib

import pytest

from dfer_jax.runtime.durable_files import new_folder, replacing, write_json


def test_a_file_is_new_and_whole_or_as_it_was(tmp_path):
    path = tmp_path / "eval" / "test.json"
    write_json(path, {"b": 1, "a": [2]})
    assert json.loads(path.read_text()) == {"a": [2], "b": 1}
    with pytest.raises(KeyError), replacing(path) as file:
        file.write("half")
        raise KeyError
    assert json.loads(path.read_text()) == {"a": [2], "b": 1}
    assert os.listdir(path.parent) == ["test.json"]


def test_what_cannot_be_written_names_the_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        write_json(tmp_path / "a.json", {})
    assert caught.value.filename == str(tmp_path / "a.json")
    assert os.listdir(tmp_path) == []


def test_a_new_folder_is_whole_or_not_there(tmp_path):
    out = tmp_path / "out"
    (tmp_path / "out.new").mkdir()
    (tmp_path / "out.new" / "left by a killed one").touch()
    with pytest.raises(KeyError), new_folder(out) as folder:
        (pathlib.Path(folder) / "a").touch()
        raise KeyError
    assert os.listdir(tmp_path) == []
    out.mkdir()
    with new_folder(out) as folder:
        (pathlib.Path(folder) / "a").touch()
        assert os.listdir(out) == []
    assert os.listdir(tmp_path) == ["out"] and os.listdir(out) == ["a"]
