"""Each operation against Pillow, the draws against their law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from dfer_jax.training.augment import rand_augment
from dfer_jax.training.augment.augmentation import Augmentation

SIZE, LEVEL = 40, 7.0
BICUBIC, FACTOR = Image.Resampling.BICUBIC, 0.63


def affine(matrix):
    return lambda p, _: p.transform(p.size, Image.Transform.AFFINE, matrix, BICUBIC, fillcolor=GREY)


GREY = (128, 128, 128)
PILLOW = [  # (picture, sign) -> picture, at level 7, in the order of the kinds
    lambda p, _: ImageOps.autocontrast(p),
    lambda p, _: ImageOps.equalize(p),
    lambda p, _: ImageOps.invert(p),
    lambda p, _: ImageOps.posterize(p, 2),
    lambda p, _: ImageOps.solarize(p, 77),
    lambda p, _: p.point([min(i + 77, 255) if i < 128 else i for i in range(256)] * 3),
    lambda p, sign: ImageEnhance.Color(p).enhance(1 + sign * FACTOR),
    lambda p, sign: ImageEnhance.Contrast(p).enhance(1 + sign * FACTOR),
    lambda p, sign: ImageEnhance.Brightness(p).enhance(1 + sign * FACTOR),
    lambda p, sign: ImageEnhance.Sharpness(p).enhance(1 + sign * FACTOR),
    lambda p, sign: p.rotate(sign * 21, BICUBIC, fillcolor=GREY),
    lambda p, sign: affine((1, sign * 0.21, 0, 0, 1, 0))(p, sign),
    lambda p, sign: affine((1, 0, 0, sign * 0.21, 1, 0))(p, sign),
    lambda p, sign: affine((1, 0, sign * 0.315 * SIZE, 0, 1, 0))(p, sign),
    lambda p, sign: affine((1, 0, 0, 0, 1, sign * 0.315 * SIZE))(p, sign),
]


@pytest.fixture(scope="module")
def clip():
    """A smooth frame, noise, one of few values, and one of a single value: uint8 [4, s, s, 3]."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    smooth = np.stack([120 * x + 60, 200 * y, 90 + 60 * np.sin(9 * x * y)], axis=-1)
    noise = rng.integers(0, 256, (SIZE, SIZE, 3))
    few = rng.choice([3, 30, 200], (SIZE, SIZE, 3))
    return np.stack([smooth, noise, few, np.full_like(noise, 90)]).astype(np.uint8)


@pytest.fixture(scope="module")
def apply():
    return jax.jit(rand_augment.apply_operation)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", range(rand_augment.NUM_KINDS))
def test_it_is_what_pillow_does(clip, apply, kind, sign):
    ours = np.asarray(apply(clip, kind, LEVEL, float(sign))).astype(int)
    theirs = np.stack([PILLOW[kind](Image.fromarray(frame), sign) for frame in clip])
    wrong = np.abs(ours - theirs)
    # A place a rounding error from a border may fall on the other side of it.
    assert (wrong > 1).mean() < 1e-3, f"{wrong.max()}, {(wrong > 1).sum()} values"
    assert (theirs != clip).any(), "nothing was done, so this says nothing"


def test_every_kind_is_compared():
    assert len(PILLOW) == rand_augment.NUM_KINDS


def test_levels_at_the_ends(clip, apply):
    for kind, expected in ((3, np.zeros_like(clip)), (4, 255 - clip)):  # posterize, solarize
        np.testing.assert_array_equal(apply(clip, kind, 10.0, 1.0), expected)
    for kind in (4, 5, 6, 7, 8, 9, 10, 11, 14):
        np.testing.assert_array_equal(apply(clip, kind, 0.0, 1.0), clip, err_msg=str(kind))


def test_frames_of_a_clip_are_varied_alike_and_clips_differ(clip):
    clips = jnp.broadcast_to(clip[0], (24, 2, SIZE, SIZE, 3))
    keys = jax.random.split(jax.random.key(0), 24)
    fields = (SIZE, (1.0, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0)
    vary = jax.jit(Augmentation(*fields, rand_operations=4))
    found = np.rint(255 * np.asarray(vary(keys, clips)))
    np.testing.assert_array_equal(found[:, 0], found[:, 1], err_msg="frames differ")
    order = np.arange(24)[::-1]
    others = np.rint(255 * np.asarray(vary(keys[order], clips)))
    np.testing.assert_array_equal(others[order], found, err_msg="other clips matter")
    untouched = (found == np.asarray(clips)).all(axis=(1, 2, 3, 4)).sum()
    assert untouched <= 8, f"{untouched} of 24 untouched, 1 in 16 expected"
    assert len(np.unique(found.reshape(24, -1), axis=0)) >= 16, "clips are varied alike"
