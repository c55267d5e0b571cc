"""Weights for the tests of this room."""

import pytest
import saved_weights


@pytest.fixture(scope="session")
def clip_weights(tmp_path_factory):
    return saved_weights.of_clips(tmp_path_factory.mktemp("weights") / "clips")


@pytest.fixture(scope="session")
def frame_weights(tmp_path_factory):
    return saved_weights.of_frames(tmp_path_factory.mktemp("weights") / "frames")
