import functools
import json
import os
import pathlib
import re

import pytest

from configs import base
from dfer_jax.errors import UserError
from dfer_jax.runs import workdir

CONFIG = {"seed": 0, "data": {"num_workers": 2, "segments": 16}, "loss": {"aux": (0.05, 0.0)}}


def test_the_same_config_may_come_back_and_another_may_not(tmp_path):
    path = str(tmp_path / "run")
    workdir.claim(path, CONFIG, {"seed": 0})
    workdir.claim(path, {**CONFIG, "data": {"num_workers": 7, "segments": 16}}, {})
    before = (tmp_path / "run" / "config.json").read_bytes()
    with pytest.raises(UserError, match=r"data\.segments: 16 -> 8") as caught:
        workdir.claim(path, {**CONFIG, "data": {"num_workers": 2, "segments": 8}}, {})
    assert "num_workers" not in str(caught.value)
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_a_run_of_the_version_before_goes_on():
    """Fields that are new since must be named in `_ADDED`, with what older runs did."""
    now = json.loads(base.get_config().to_json_best_effort())
    names = (pathlib.Path(__file__).parent / "fields_of_0.2.0.txt").read_text().split()
    then = {
        name: functools.reduce(lambda tree, key: tree[key], name.split("."), now) for name in names
    }
    assert workdir.differing_fields(then, now) == []


def test_a_file_in_the_way_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        workdir.claim(str(tmp_path / "file"), CONFIG, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_explained(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written"):
        workdir.claim(str(tmp_path / "run"), CONFIG, {})


@pytest.mark.parametrize("name", ["runs [2]", "run*", "what?"])
def test_a_path_that_the_writer_of_checkpoints_takes_for_a_pattern_is_refused(tmp_path, name):
    path, character = tmp_path / name / "run", re.search(r"[\[*?]", name)[0]
    message = (
        f"checkpoints cannot be written to {path}, for the library that writes them takes "
        f"{character} for a pattern; choose a --workdir without"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        workdir.claim(str(path), CONFIG, {})
    assert not path.exists()


def test_imported_weights_are_not_trained_over(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="dfer eval"):
        workdir.claim(str(tmp_path), CONFIG, {})


def test_damaged_config_is_explained(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="is not a JSON object"):
        workdir.claim(str(tmp_path), CONFIG, {})


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("error", [None, FileNotFoundError("checkpoints/3")])
def test_a_directory_deleted_meanwhile_is_said(tmp_path, replaced, error):
    directory = tmp_path / "run"
    said = r"run was deleted or moved while the run was at work, .* run the same command again"
    with pytest.raises(UserError, match=said), workdir.kept(str(directory)) as check:
        check()
        os.rename(directory, tmp_path / "moved")
        if replaced:
            directory.mkdir()
        if error:
            raise error
    with workdir.kept(str(directory)):
        pass
