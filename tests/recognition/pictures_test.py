"""Pictures of a caller's own code: what is taken, and what is said of the rest."""

from pathlib import Path

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
        (FACES / np.float32(255), r"frames is float32; .*: \(255 \* frames\)\.round\(\)\.astype"),
        (FACES.astype(np.float32), r"frames is float32; .*: frames\.round\(\)\.astype"),
        (FACES.astype(np.uint16) * 257, r"reach 51143, so \(frames / 257\)\.round\(\)"),
        (FACES / 127.5 - 1, r"begin at -0\.529412, so undo the normalisation"),
        (FACES * np.nan, "some of its values are not finite"),
        (FACES > 99, r"255 \* frames\.astype"),
        (FACES[0], r"a single picture .* give frames\[None\]"),
        (FACES[None], r"a batch of 1 clips .* give one clip: frames\[0\]"),
        (FACES[..., 0], r"grey pictures: numpy\.repeat\(frames\[..., None\], 3"),
        (FACES[..., :1], r"grey pictures: numpy\.repeat\(frames, 3"),
        (FACES[0, ..., 0], r"grey pictures: numpy\.repeat\(frames\[None, ..., None\], 3"),
        (FACES[0].transpose(2, 0, 1), r"frames\.transpose\(1, 2, 0\)\[None\]"),
        (np.repeat(FACES, 2, axis=-1)[..., :4], r"4 channels; drop the last"),
        (FACES.transpose(0, 3, 1, 2), r"move the channels last: frames.transpose\(0, 2, 3, 1\)"),
        (FACES.transpose(3, 0, 1, 2), r"move the channels last: frames.transpose\(1, 2, 3, 0\)"),
        (FACES[:0], r"t at least 1"),
        ([FACES[0]], r"is a list; give a NumPy array: numpy\.stack\(frames\)"),
        (memoryview(FACES), r"is a memoryview; .*: numpy\.asarray\(frames\)"),
        ("talk.mp4", r"is a str that names files; they go to Recognizer\.video"),
        ([Path("0.jpg")], r"is a list that names files; they go to Recognizer\.video"),
        (None, r"is None, OpenCV's answer to what it cannot read"),
        (np.array([FACES[0], "grey"], object), "objects, as pictures of unequal size"),
        (FACES // [4, 2, 1], r"is int64; .*: frames\.round\(\)"),
        ((FACES // [4, 2, 1]).astype(np.uint8), r"look like BGR.*frames\[..., ::-1\]"),
    ],
)
def test_other_pictures_are_refused_with_what_to_do(frames, message):
    with pytest.raises(UserError, match=message):
        refuse_bgr(check_rgb(frames, what="frames"), what="frames")
