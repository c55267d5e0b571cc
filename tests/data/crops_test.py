import json
import re

import pytest

from dfer_jax.data.crops import crop_of
from dfer_jax.errors import UserError
from dfer_jax.video.faces import LIKE


@pytest.fixture
def metadata(tmp_path):
    folder = tmp_path / "some" / "clips" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").touch()
    return folder / "metadata.json"


def _crop(metadata):
    return crop_of("some/clips", str(metadata.parents[3]))


def test_of_a_data_set_that_says_so(metadata):
    assert _crop(metadata) is None
    metadata.write_text(json.dumps({"warnings": []}))
    assert _crop(metadata) is None
    metadata.write_text(json.dumps({"crop": LIKE["dfew"].to_json()}))
    assert _crop(metadata) == LIKE["dfew"].to_json()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name enclosed in double quotes at line 1, column 2"),
        ("\0" * 80, "it holds only zeros or blanks"),
        ("[1]", "it holds no object"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"crop": 5}', ""),
        ('{"crop": {"size": "big"}}', ""),
        ('{"crop": {"size": 1e999, "margin": null}}', ""),
        ('{"crop": ["size"]}', ""),
    ],
)
def test_damaged_metadata_are_one_sentence(metadata, text, reason):
    metadata.write_text(text)
    with pytest.raises(UserError, match=f"^{re.escape(str(metadata))}: {reason}.*; build the data"):
        _crop(metadata)
