import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dfer_jax.runtime.numpy_files import read_npz
from dfer_jax.runtime.row_files import RowFile


def test_only_the_names_wanted_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.ones(2))
    assert sorted(read_npz(tmp_path / "a.npz")) == ["x", "y"]
    assert read_npz(tmp_path / "a.npz", only=("y", "z")).keys() == {"y"}


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}]))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_npz(tmp_path / "a.npz")


def test_many_threads_open_files_at_once(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5))
    np.savez(tmp_path / "a.npz", x=np.arange(5))

    def read(number):
        if number % 2:
            return int(read_npz(tmp_path / "a.npz")["x"].sum())
        return int(RowFile(tmp_path / "a.npy", remedy="").read(np.arange(5)).sum())

    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, range(1000))) == {10}
    finally:
        sys.setswitchinterval(often)


def test_nobody_parses_headers_without_taking_turns():
    """The collision is too rare to be provoked: in Python 3.11 it is a SystemError."""
    parses = re.compile(r"np\.load\(|memmap\(|literal_eval|ast\.parse")
    found = {
        str(path)
        for room in ("dfer_jax", "tfds_builders")
        for path in Path(room).rglob("*.py")
        if parses.search(path.read_text(encoding="utf-8"))
    }
    found.remove("dfer_jax/export/fresh_process.py")  # text of a process that has one thread
    found.discard("dfer_jax/clips/compare/comparison.py")  # reads fields before a thread is there
    assert found == {"dfer_jax/runtime/numpy_files.py"}, "use runtime.numpy_files or row_files"
