"""The tutorials run as they are printed, one after the other, in a folder of their own."""

import json
from pathlib import Path

import pytest

from dfer_jax.labels import CLASSES

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, smoke_data):
    """Where they run; what the first one builds is there, as after a run of it."""
    folder = tmp_path_factory.mktemp("tutorials")
    (folder / "data").symlink_to(smoke_data)
    return folder


@pytest.fixture
def run(folder, commands):
    """Returns what a tutorial prints."""

    def run(name):
        done = commands.run(f"docs.tutorials.{name}", cwd=folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_rendered_faces(run, folder):
    assert "synthetic_dfer/smoke test" in run("rendered_faces")
    result = json.loads((folder / "runs/tutorial/eval/test.json").read_text())
    assert (result["num_clips"], result["epoch"]) == (14, 2)
    assert (folder / "runs/tutorial/report.html").exists()


def test_library(run, folder):
    lines = run("library").splitlines()
    result = json.loads((folder / "runs/tutorial/eval/test.json").read_text())
    expected = {clip["clip_id"]: clip["probabilities"] for clip in result["predictions"]}
    printed = _printed(lines)
    assert len(printed) == 2
    for clip_id, shares in printed.items():
        assert shares == pytest.approx(
            dict(zip(CLASSES, expected[clip_id], strict=True)), abs=2e-3
        ), clip_id


@pytest.mark.soak(reason="a training; tests of video folders build, train and evaluate likewise")
def test_own_videos(run, folder):
    run("own_videos")
    table = (folder / "my_videos/labels.csv").read_text().splitlines()
    assert len(table) == 1 + 28 + 14
    result = json.loads((folder / "runs/mine/eval/test.json").read_text())
    assert (result["dataset"], result["num_clips"]) == ("video_folder/mine", 14)


def test_all_are_run():
    assert {path.name for path in TUTORIALS.glob("*.py")} == {
        "rendered_faces.py",
        "library.py",
        "own_videos.py",
    }


def _printed(lines):
    """Clip -> class -> probability, from what the tutorial prints."""
    clips = {}
    for line in lines:
        if " shows " in line:
            clips[line.split()[0]] = shares = {}
        elif line.startswith("  "):
            name, share = line.split()
            shares[name] = float(share)
    return clips
