"""What a caller's code gives as a path or a rate."""

from pathlib import Path

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.recognition.sources import as_folders, as_path, check_rate


@pytest.mark.parametrize("path", [None, 0, b"talk.mp4", ["talk.mp4"], np.zeros(3)], ids=repr)
def test_what_is_no_path_is_named_with_what_takes_it(path):
    with pytest.raises(UserError, match=r"path is of type .*give a file or folder .*--camera 0"):
        as_path(path)


def test_folders_of_weights_are_paths_one_by_one(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert as_folders(["~/runs/a", Path("b")]) == [Path("/home/anna/runs/a"), Path("b")]
    assert as_path("~/talk.mp4") == Path("/home/anna/talk.mp4")
    with pytest.raises(UserError, match=r"is of type list; give paths, each as an argument of its"):
        as_folders([["runs/a", "runs/b"]])


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf"), "25", None])
def test_what_is_no_rate_is_named(fps):
    with pytest.raises(UserError, match=rf"fps={fps!r} is no rate; give frames per second"):
        check_rate(fps)
    check_rate(np.float32(29.97))
