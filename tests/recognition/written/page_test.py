"""The page of a video: what it holds, and that a hostile name or an hour of rows does no harm."""

import json
import re

import numpy as np

from dfer_jax.labels import CLASSES
from dfer_jax.recognition.rows import NO_FACE, Row
from dfer_jax.recognition.written.page import write_page
from dfer_jax.recognition.written.summary import summary

ABOUT = {"cropped_before": False, "notes": ["HDR"], "weights": [], "peer": None}


def rows_of(count):
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(7), count).tolist()
    return [
        Row(0, k / 10, k / 10 + 2, k, k + 20, 20, (1.0, 2.0, 3.0, 4.0), "fear", named, 0.5)
        for k, named in enumerate(dict(zip(CLASSES, share, strict=True)) for share in shares)
    ]


def data_of(path):
    text = path.read_text()
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]), text


def written(path, rows, video):
    found = summary(rows, classes=CLASSES, about=ABOUT | {"video": video.name}, fault=None)
    write_page(path, rows, found, video=video)
    return data_of(path)


def test_a_hostile_name_is_only_a_name(tmp_path):
    name = "</script><script>alert(1)</script> $title.mp4"
    data, text = written(tmp_path / "page.html", rows_of(3), tmp_path / name)
    assert "<script>alert" not in text and text.count("<script") == 2
    assert "%3C/script" in data["video"] or "%3C%2Fscript" in data["video"]


def test_an_hour_of_rows_is_averaged_and_stretches_without_a_face_stay(tmp_path):
    rows = rows_of(10_000)
    rows.append(Row(None, 1002.0, 1010.0, 10_021, 10_100, 0, None, NO_FACE, {}, None))
    data, text = written(tmp_path / "page.html", rows, tmp_path / "v.mp4")
    assert len(text) < 1_000_000 and len(data["rows"]) == 3334 + 1
    assert data["rows"][-1] == [None, 1002.0, 1010.0, None, [], None, None]
    np.testing.assert_allclose(sum(data["rows"][7][4]), 1, atol=1e-3)
    assert "HDR" in text


def test_no_rows_at_all_still_make_a_page(tmp_path):
    data, _ = written(tmp_path / "page.html", [], tmp_path / "v.mp4")
    assert data["rows"] == [] and data["seconds"] == 0
