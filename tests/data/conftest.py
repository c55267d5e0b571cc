"""The built dataset the tests of this folder read."""

import clip_dataset
import pytest


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("built"))
    for config in ("plain", "truth", "broken"):
        clip_dataset.build(folder, config)
    return folder
