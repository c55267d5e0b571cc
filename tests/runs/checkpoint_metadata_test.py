import dataclasses

import ml_collections
import pytest
from absl import logging

from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint_metadata
from dfer_jax.runs.checkpoint_metadata import warn_of_other_crops, warn_of_other_frames
from dfer_jax.video.faces import LIKE, CropSettings


@pytest.fixture
def warned(monkeypatch):
    lines = []
    monkeypatch.setattr(logging, "warning", lambda text, *args: lines.append(text % args))
    return lines


def trained_on(crop):
    return {"preprocess": {} if crop is None else {"crop": crop.to_json()}}


def test_other_crops_are_told(warned):
    warn_of_other_crops(trained_on(LIKE["dfew"]), LIKE["aff_wild2"].to_json(), dataset="mine")
    assert warned == [
        "faces of mine are cut out otherwise than those the weights were trained on (alignment: "
        "seetaface, arcface); crop alike, or expect other scores"
    ]


def test_whole_clips_and_those_of_sixteen_frames_are_told_apart(warned):
    warn_of_other_frames({"dataset": "dfew/full"}, "dfew/f16")
    (line,) = warned
    assert "trained on frames of dfew/full, clips of dfew/f16 have others" in line
    for trained, met in (("dfew/full", "dfew/full"), ("mafw/single", "dfew/f16"), ("", "dfew/f16")):
        warn_of_other_frames({"dataset": trained}, met)
    assert len(warned) == 1, "the same, or nothing known"


def test_the_same_or_unknown_crops_are_not(warned):
    larger = dataclasses.replace(CropSettings(), size=300)
    for trained, used in (
        (None, None), (CropSettings(), None), (None, CropSettings()), (CropSettings(), larger),
    ):  # fmt: skip
        warn_of_other_crops(trained_on(trained), used and used.to_json(), dataset="mine")
    assert warned == []


def test_settings_that_are_none():
    with pytest.raises(UserError, match="crop settings must hold alignment, detector, margin"):
        warn_of_other_crops(
            {"preprocess": {"crop": {"a": 1}}}, CropSettings().to_json(), dataset="mine"
        )


def test_an_evaluation_says_that_test_clips_may_have_been_trained_on():
    metadata = {"model": {}, "source": "trained", "dataset": "mafw/single", "versions": {}}
    config = ml_collections.ConfigDict({"data": {"dataset": "mafw/compound"}})
    said = {"preprocess": {}, "name": "fd1", "selection": "last", "step": 1}
    about = checkpoint_metadata.about(metadata, config=config, **said)
    assert "2,352 of the 8,996 clips" in about["seen_before"]
    config.data.dataset = "mafw/seven"
    assert "seen_before" not in checkpoint_metadata.about(metadata, config=config, **said)
