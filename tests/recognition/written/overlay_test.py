"""The copy of a video with boxes and labels, at sizes that no encoder takes as they are."""

import av
import numpy as np
import pytest

from dfer_jax.recognition.written.overlay import Boxes, write_overlay


@pytest.mark.parametrize(
    ("size", "written"), [((1, 1), (2, 2)), ((1, 3), (2, 2)), ((5, 7), (4, 6))], ids=str
)
def test_pictures_of_one_pixel_and_of_odd_sides_become_a_video_that_plays(tmp_path, size, written):
    pictures = [(k, k / 25, np.full((*size, 3), 200, np.uint8)) for k in range(3)]
    write_overlay(tmp_path / "v.mp4", iter(pictures), Boxes(), [], last=2)
    with av.open(str(tmp_path / "v.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.04, 0.08])
    for frame in frames:
        picture = frame.to_ndarray(format="rgb24")
        assert picture.shape[:2] == written and np.abs(picture.astype(int) - 200).max() < 12
    assert [file.name for file in tmp_path.iterdir()] == ["v.mp4"]
