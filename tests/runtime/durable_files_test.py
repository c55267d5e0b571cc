import contextlib
import errno
import json
import os
import pathlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dfer_jax.errors import UserError
from dfer_jax.runtime import file_lock
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
    with pytest.raises(OSError, match=f"Directory not empty: '{out}'"), new_folder(out):
        pytest.fail("it is in use")
    assert os.listdir(tmp_path) == ["out"] and os.listdir(out) == ["a"]


WRITER = """
import sys
from dfer_jax.runtime.durable_files import new_folder, replacing

with {how}({path!r}):
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", [replacing, new_folder])
def test_of_two_processes_that_write_one_thing_one_proceeds(tmp_path, how):
    """The second is refused until the first has ended, also by SIGKILL."""
    path = str(tmp_path / "it")
    command = [sys.executable, "-c", WRITER.format(how=how.__name__, path=path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as other:
        assert other.stdout.readline() == "writing\n"
        with pytest.raises(UserError, match=f"^another process is writing {path}; wait until it"):
            how(path).__enter__()
        other.send_signal(signal.SIGKILL)
    with how(path):
        pass
    assert os.listdir(tmp_path) == ["it"]


@pytest.mark.parametrize("how", [replacing, new_folder])
def test_where_nothing_can_be_written_what_was_asked_for_is_named(tmp_path, how):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError if how is replacing else FileExistsError) as caught:
        how(tmp_path / "file" / "it").__enter__()
    assert str(caught.value.filename).startswith(f"{tmp_path}/file")
    with pytest.raises(OSError) as caught, file_lock.only_writer(tmp_path / "file" / "it"):
        pytest.fail("nothing can be written there")
    assert caught.value.filename == f"{tmp_path}/file/it"


def test_a_file_system_that_numbers_open_files_otherwise_is_no_endless_loop(tmp_path, monkeypatch):
    monkeypatch.setattr(file_lock, "is_current", lambda *_: False)
    write_json(tmp_path / "it", 1)
    assert (tmp_path / "it").read_text() == "1\n" and os.listdir(tmp_path) == ["it"]


def test_what_fails_is_removed_before_another_process_can_take_it(tmp_path, monkeypatch):
    removed = []

    def remove(new):
        with pytest.raises(UserError, match="another process is writing"):
            file_lock.open_to_write(str(tmp_path / "it"), new, "w")
        removed.append(new)
        unlink(new)

    unlink = os.unlink
    monkeypatch.setattr(os, "unlink", remove)
    with pytest.raises(ValueError, match="halfway"), replacing(tmp_path / "it") as file:
        file.write("x")
        raise ValueError("halfway")
    assert len(removed) == 1 and os.listdir(tmp_path) == []


def test_what_many_write_at_once_is_what_one_wrote(tmp_path):
    path = tmp_path / "it"
    texts = [[f"{number} " * length for length in range(1, 18)] for number in range(4)]
    whole = {text for own in texts for text in own}

    def write(own):
        written = 0
        for text in own * 12:
            with contextlib.suppress(UserError), replacing(path) as file:
                file.write(text)
                written += 1
            assert not path.exists() or path.read_text() in whole
        return written

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, texts)) > 0
    assert path.read_text() in whole and os.listdir(tmp_path) == ["it"]
