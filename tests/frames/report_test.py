"""The page of a run on frames: what it says, and what it says when something is wrong."""

import json
import re

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.frames import timelines
from dfer_jax.frames.evaluation import FrameEvaluation, write_evaluation
from dfer_jax.frames.report import fits, write_report
from dfer_jax.labels import ACTION_UNITS, CLASSES
from dfer_jax.report import page
from dfer_jax.report.picture import PRINT

ABOUT = {
    "task": "frames",
    "dataset": "synthetic_dfer/frames",
    "split": "test",
    "selection": "last",
    "step": 6,
    "epoch": 2.0,
    "model": {"name": "resnet50", "kwargs": {}},
    "source": "trained",
}


def result_of(kind):
    """Three videos of 40, 40 and 1 frames; the second is wrong throughout."""
    rng = np.random.default_rng(0)
    videos = np.array(["good"] * 40 + ["bad<b>"] * 40 + ["single"])
    numbers = np.concatenate([np.arange(40) + 5 * (np.arange(40) > 20), np.arange(40), [7]])
    labels = rng.integers(0, 7, 81)
    answers = np.where(videos == "bad<b>", (labels + 1) % 7, labels)
    classes, logits = CLASSES, 5.0 * np.eye(7)[answers]
    if kind == "action_units":
        classes, labels = ACTION_UNITS, rng.integers(0, 2, (81, 12))
        logits = np.where(videos[:, None] == "bad<b>", 0.5 - labels, labels - 0.5) * 4
    mask = np.arange(81) % 10 != 3
    logits = logits.astype(np.float32)
    return FrameEvaluation(
        kind, tuple(classes), videos, numbers.astype(np.int32), labels.astype(np.int8), mask, logits
    )


@pytest.mark.parametrize("kind", ["expressions", "action_units"])
def test_page_names_scores_classes_and_the_worst_video(kind, tmp_path):
    result = result_of(kind)
    write_evaluation(str(tmp_path), "test", result, ABOUT)
    assert fits(str(tmp_path))
    text = open(write_report(str(tmp_path)), encoding="utf-8").read()  # noqa: SIM115
    scores = result.scores()
    assert f"{100 * scores.macro_f1:.1f} %" in text
    assert f"{scores.score('abaw2'):.4f} (2021)" in text
    assert all(name in text for name in result.classes)
    assert "Median: bad&lt;b&gt;, 0.0 % of 36 labelled frames" in text
    assert "bad<b>" not in text and "Rendered faces" in text
    assert not re.search(r"(src|href)=.https?:", text)
    table = (tmp_path / "report" / "videos.csv").read_text().splitlines()
    assert table[0] == 'video,labelled frames,"right, %"' and len(table) == 4


def test_timelines_leave_holes_and_unlabelled_frames_empty():
    numbers = np.array([1, 2, 3, 7, 8, 9])
    labels = np.array([0, 0, 4, 4, -1, 4])
    assert timelines._stretches(numbers, labels) == [(1, 2, 0), (3, 1, 4), (7, 1, 4), (9, 1, 4)]
    result = result_of("expressions")
    assert timelines.chosen_videos(result) == {"best": "good", "median": "bad<b>"}
    figure = timelines.timeline(result, "good", name="x").draw(PRINT)
    lines = figure.axes[1].lines
    assert [len(line.get_xdata()) for line in lines] == [21, 19]  # five frames are missing between


def test_what_is_wrong_is_said(tmp_path):
    with pytest.raises(UserError, match="no evaluation in"):
        write_report(str(tmp_path))
    assert not fits(str(tmp_path))
    path = write_evaluation(str(tmp_path), "test", result_of("expressions"), ABOUT)
    with pytest.raises(UserError, match="is of single frames"):
        page.write_report(str(tmp_path))
    about = json.loads(open(path, encoding="utf-8").read())  # noqa: SIM115
    open(path, "w", encoding="utf-8").write(json.dumps(about | {"num_frames": 1}))  # noqa: SIM115
    with pytest.raises(UserError, match="is damaged"):
        write_report(str(tmp_path))
