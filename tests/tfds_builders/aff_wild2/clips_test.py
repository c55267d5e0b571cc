import json

import aff_wild2_tree
import pytest

from dfer_jax.data.check.download import check_download
from dfer_jax.data.check.report import as_json, as_text
from tfds_builders.aff_wild2 import clips


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    aff_wild2_tree.write_tree(root)
    return root


@pytest.mark.parametrize("track", ["expr", "au"])
def test_frames_rows_and_labels_of_a_video_have_one_length(root, track):
    state = clips.prepare(root, track=track, allow_missing=False)
    assert not state.problems and len(state.listing.clips) == 9
    for clip in state.listing.clips:
        frames = len(clip.frames)
        assert clip.features["frame_numbers"].shape == clip.features["valid"].shape == (frames,)
        assert clip.features[clips.FEATURES[track]].shape[0] == frames
        assert [int(name[:5]) for name in clip.frames] == clip.features["frame_numbers"].tolist()


def test_tracks_of_a_video_need_not_have_the_same_number_of_rows(root):
    def rows(track):
        state = clips.prepare(root, track=track, allow_missing=False)
        return {clip.id: clip.features["num_rows"] for clip in state.listing.clips}

    assert rows("expr")["106"] == 120 and rows("au")["106"] == 119
    assert rows("expr")["video86_1"] == 9 and rows("au")["video86_1"] == 7


def test_the_check_of_a_download_tells_the_same(root):
    result = check_download("aff_wild2/expr", str(root), processes=1)
    assert result.can_be_built and not list(result.of("fault"))
    facts = json.loads(as_json(result))
    assert facts["clips"] == {"found": {"train": 5, "validation": 4}}
    assert "video2_left (29 of 30 rows, 16 of them annotated)" in as_text(result)
