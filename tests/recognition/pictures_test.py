"""Pictures of a caller's own code: what is taken, and what is said of the rest."""

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.recognition.pictures import check_rgb, refuse_bgr

FACES = np.random.default_rng(0).integers(60, 200, (9, 40, 40, 3)).astype(np.uint8)


def test_rgb_is_taken_as_it_is():
    assert check_rgb(FACES, what="frames") is FACES
    refuse_bgr(FACES, what="frames")


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (FACES.astype(np.float32) / 255, r"frames is float32; give uint8"),
        (FACES[0], r"a single picture .* give frames\[None\]"),
        (np.repeat(FACES, 2, axis=-1)[..., :4], r"4 channels; drop the last"),
        (FACES.transpose(0, 3, 1, 2), r"move the channels last: frames.transpose\(0, 2, 3, 1\)"),
        (FACES[:0], r"t at least 1"),
        ([FACES[0]], r"is a list; give a NumPy array"),
        (FACES // [4, 2, 1], r"is int64"),
        ((FACES // [4, 2, 1]).astype(np.uint8), r"look like BGR.*frames\[..., ::-1\]"),
    ],
    ids=["float", "one", "alpha", "channels first", "empty", "list", "int64", "BGR"],
)
def test_other_pictures_are_refused_with_what_to_do(frames, message):
    with pytest.raises(UserError, match=message):
        refuse_bgr(check_rgb(frames, what="frames"), what="frames")
