"""The short form of a command line, written out; the mistakes in it are in door_test.py."""

import os
from pathlib import Path

import pytest

from dfer_jax.runtime import config_file

INSTALLED = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("configs/dfew.py", "--config=configs/dfew.py"),
        ("configs/dfew.py fold=1", "--config=configs/dfew.py --config.fold=1"),
        ("fold=1 configs/dfew.py", "--config=configs/dfew.py --config.fold=1"),
        ("--config configs/dfew.py fold=1", "--config=configs/dfew.py --config.fold=1"),
        ("--config=configs/dfew.py --config.fold=1", "--config=configs/dfew.py --config.fold=1"),
        ("--config.fold=1 -config configs/dfew.py", "--config=configs/dfew.py --config.fold=1"),
        ("configs/synthetic_frames.py:gru", "--config=configs/synthetic_frames.py:gru"),
        ("configs/dfew.py --mode eval", "--config=configs/dfew.py --mode eval"),
        ("--workdir runs/x configs/dfew.py", "--config=configs/dfew.py --workdir runs/x"),
        ("--workdir=a=b configs/dfew.py", "--config=configs/dfew.py --workdir=a=b"),
        ("configs/dfew.py model.name=x.py", "--config=configs/dfew.py --config.model.name=x.py"),
        ("a=b.py", "--config.a=b.py"),
        ("configs/dfew", "--config=configs/dfew.py"),
        ("--workdir configs/dfew", "--workdir configs/dfew"),
        ("configs/dfew.py configs/base.py", "--config=configs/dfew.py configs/base.py"),
        ("configs/base.py --config configs/dfew.py", "--config=configs/dfew.py configs/base.py"),
        ("configs/dfew.py stray", "--config=configs/dfew.py stray"),
        ("fold=1 --config", "--config --config.fold=1"),
        ("", ""),
    ],
)
def test_the_short_form_written_out(short, full):
    assert config_file.in_full(["dfer", *short.split()]) == ["dfer", *full.split()]


def test_a_word_is_a_config_that_exists_or_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_file.in_full(["dfer", "mine", "dfew"]) == [
        "dfer",
        f"--config={INSTALLED / 'dfew.py'}",
        "mine",
    ]
    (tmp_path / "mine.py").touch()
    assert config_file.in_full(["dfer", "mine:arg"]) == ["dfer", "--config=mine.py:arg"]


def test_installed_files_are_found_by_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_file.find("dfew.py") == str(INSTALLED / "dfew.py")
    assert config_file.find("configs/dfew.py") == str(INSTALLED / "dfew.py")
    assert config_file.find("dfew.py:x") == f"{INSTALLED / 'dfew.py'}:x"
    for other in ("nowhere.py", "my/dfew.py", "a/configs/dfew.py", "/configs/dfew.py", ""):
        assert config_file.find(other) == other


def test_a_file_of_ones_own_comes_before_the_installed_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("configs")
    Path("configs/dfew.py").touch()
    assert config_file.find("configs/dfew.py") == "configs/dfew.py"
    assert config_file.find("dfew.py") == str(INSTALLED / "dfew.py")


def test_a_config_in_a_folder_of_configs_is_found_by_its_name_alone_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = str(INSTALLED / "conv3d" / "r3d_18.py")
    for name in ("r3d_18.py", "conv3d/r3d_18.py", "configs/conv3d/r3d_18.py"):
        assert config_file.find(name) == expected, name
