import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.runtime.row_files import OpenFile, RowFile


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(60, dtype=np.float16).reshape(10, 3, 2))
    return tmp_path / "a.npy"


@pytest.mark.parametrize("rows", [[], [0], [9, 0, 0, 1, 2, 5, 4], list(range(10))])
def test_rows_in_any_order_into_new_memory_or_into_ours(path, rows):
    file, rows = RowFile(path, remedy=""), np.array(rows, np.int64)
    assert (len(file), file.shape, file.dtype) == (10, (10, 3, 2), np.float16)
    expected = np.load(path)[rows]
    np.testing.assert_array_equal(file.read(rows), expected)
    out = np.full((2, len(rows), 3, 2), 7, np.float16)
    assert file.read(rows, out[1]) is not None
    np.testing.assert_array_equal(out[1], expected)
    assert (out[0] == 7).all()


def test_memory_that_does_not_lie_together_is_refused_not_copied(path):
    with pytest.raises(TypeError, match="C-contiguous"):
        RowFile(path, remedy="").read(np.arange(2), np.empty((2, 3, 4), np.float16)[..., ::2])


def test_a_file_that_shrinks_is_a_sentence_and_one_that_is_deleted_is_read_on(path):
    file = RowFile(path, remedy="make it again")
    os.truncate(path, path.stat().st_size - 13)  # a row has 12 bytes
    size = path.stat().st_size
    message = f"{path} has been cut short to {size:,} bytes, of which at least {size + 1:,} were"
    with pytest.raises(UserError, match=rf"^{re.escape(message)} there; make it again$"):
        file.read(np.array([0, 8]))
    os.unlink(path)
    np.testing.assert_array_equal(file.read(np.array([1])).ravel(), np.arange(6, 12))


def test_what_is_no_whole_array_is_refused_as_it_is_opened(path):
    for content, message in (
        (b"", "magic"),
        (b"\x93NUMPY\x02\x00" + bytes(200), "header is of another version"),
        (path.read_bytes()[:-1], r"it has \d+ of \d+ bytes"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            RowFile(path, remedy="")
    np.save(path, np.asfortranarray(np.eye(3)[:2]))
    with pytest.raises(ValueError, match="not stored row by row"):
        RowFile(path, remedy="")


def test_an_error_of_the_disk_names_the_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=str(tmp_path)) as caught:
        OpenFile(tmp_path, remedy="").read(1, at=0)
    assert caught.value.errno == errno.EISDIR


def test_threads_read_at_once(path):
    file = RowFile(path, remedy="")
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda row: float(file.read(np.array([row])).sum()), range(10))
        assert list(found) == [float(6 * 6 * row + 15) for row in range(10)]


def test_a_file_that_nobody_holds_is_closed(path):
    file = OpenFile(path, remedy="")
    (mine,) = [link for link in Path("/proc/self/fd").iterdir() if reads(link, path)]
    del file
    assert not reads(mine, path)


def reads(link, path):
    return os.path.lexists(link) and os.readlink(link) == str(path)
