import functools
import math

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from dfer_jax.training.augment import crops

SIZE = 128
CROPS = [(0, 0, 128, 128), (10, 3, 110, 125), (5, 20, 121, 104), (24, 24, 104, 104)]
OFF = {"area": (1.0, 1.0), "ratio": (1.0, 1.0), "max_degrees": 0.0}
OFF |= {"flip_prob": 0.0, "brightness": 0.0}


@pytest.fixture(scope="module")
def clip():
    """Three frames of a clip: real photographs, uint8 [3, 128, 128, 3]."""
    china, flower = load_sample_image("china.jpg"), load_sample_image("flower.jpg")
    cuts = (china[100:356, 200:456], china[110:366, 210:466], flower[50:306, 150:406])
    return np.stack([cv2.resize(cut, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for cut in cuts])


@pytest.fixture(scope="module")
def clips(clip):
    return jnp.asarray(np.stack([clip, clip[:, ::-1], clip[::-1], 255 - clip]))


def warp(clip, crop, degrees, flip, image_size=112):
    crop = jnp.asarray(crop, jnp.int32)
    return _warp(jnp.asarray(clip), crop, jnp.float32(degrees), jnp.bool_(flip), image_size)


@functools.partial(jax.jit, static_argnums=4)
def _warp(clip, crop, degrees, flip, image_size):
    matrix = crops.warp_matrix(crop, degrees, flip, image_size=image_size)
    return crops.warp_clip(clip, crop, matrix, image_size=image_size), matrix


def augmented(seed, clips, image_size=112, **options):
    keys = jax.random.split(jax.random.key(seed), clips.shape[0])
    return np.asarray(_augment(image_size, **options)(keys, clips))


@functools.cache
def _augment(image_size, **options):
    return jax.jit(functools.partial(crops.augment_clips, image_size=image_size, **options))


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize(("degrees", "flip"), [(0, False), (4, False), (-2.5, True), (40, True)])
def test_warp_is_opencvs_bilinear_warp_with_black_border(clip, crop, degrees, flip):
    ours, matrix = warp(clip, crop, degrees, flip)
    left, top, width, height = crop
    matrix = np.asarray(matrix, np.float64)
    matrix[:, 2] -= (left, top)
    for frame, result in zip(clip, np.asarray(ours), strict=True):
        expected = cv2.warpAffine(
            frame[top : top + height, left : left + width].astype(np.float32) / 255,
            matrix,
            (112, 112),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        np.testing.assert_allclose(result, expected, atol=2e-4)


@pytest.mark.parametrize("image_size", [112, 160])
def test_without_rotation_the_warp_is_opencvs_resize(clip, image_size):
    left, top, width, height = crop = CROPS[1]
    ours, _ = warp(clip, crop, 0, False, image_size)
    mirrored, _ = warp(clip, crop, 0, True, image_size)
    np.testing.assert_allclose(mirrored, ours[:, :, ::-1], atol=1e-5)
    for frame, result in zip(clip, np.asarray(ours), strict=True):
        cut = frame[top : top + height, left : left + width].astype(np.float32) / 255
        expected = cv2.resize(cut, (image_size, image_size), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(result[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-4)


@pytest.mark.parametrize("degrees", [4, -3])
def test_rotation_is_opencvs_counter_clockwise_one(clip, degrees):
    ours, _ = warp(clip, CROPS[0], degrees, False, SIZE)
    turn = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), degrees, 1.0)
    for frame, result in zip(clip, np.asarray(ours), strict=True):
        expected = cv2.warpAffine(frame.astype(np.float32) / 255, turn, (SIZE, SIZE))
        np.testing.assert_allclose(result, expected, atol=2e-4)
    assert not np.asarray(ours)[:, 0, 0].any() and not np.asarray(ours)[:, -1, -1].any()


def test_order_is_crop_then_flip_then_rotation(clip):
    left, top, width, height = crop = CROPS[2]
    smooth = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in clip])
    ours, _ = warp(smooth, crop, 4, True)
    turn = cv2.getRotationMatrix2D((55.5, 55.5), 4, 1.0)
    for frame, result in zip(smooth, np.asarray(ours), strict=True):
        cut = frame[top : top + height, left : left + width].astype(np.float32) / 255
        step = cv2.resize(cut, (112, 112), interpolation=cv2.INTER_LINEAR)[:, ::-1]
        expected = cv2.warpAffine(np.ascontiguousarray(step), turn, (112, 112))
        np.testing.assert_allclose(result[8:-8, 8:-8], expected[8:-8, 8:-8], atol=0.01)


def release_crop(rng, size, area, ratio):
    """The rule of the release, in plain Python: (width, height), or None if ten tries fail."""
    for _ in range(10):
        target, aspect = size * size * rng.uniform(*area), rng.uniform(*ratio)
        width = round(math.sqrt(target * aspect))
        height = round(math.sqrt(target / aspect))
        if rng.random() < 0.5:
            width, height = height, width
        if width <= size and height <= size:
            return width, height
    return None


@pytest.mark.parametrize(
    ("size", "area", "ratio"),
    [
        (112, (0.85, 1.0), (3 / 5, 5 / 3)),
        (224, (0.85, 1.0), (3 / 5, 5 / 3)),
        (96, (0.3, 0.6), (1.0, 2.0)),
    ],
)
def test_crops_follow_the_released_rule(size, area, ratio):
    draw = functools.partial(crops.draw_crop, size=size, area=area, ratio=ratio)
    drawn = np.asarray(jax.vmap(draw)(jax.random.split(jax.random.key(0), 20_000)))
    rng = np.random.default_rng(0)
    expected = [release_crop(rng, size, area, ratio) for _ in range(20_000)]
    failed = np.mean([sides is None for sides in expected])
    expected = np.array([sides or (size, size) for sides in expected])
    left, top, width, height = drawn.T
    whole = (width == size) & (height == size)
    assert whole.mean() == pytest.approx((expected == size).all(1).mean(), abs=0.012)
    if ratio[0] < 1:
        assert 0.15 < failed < 0.19
    for ours, theirs in ((width, expected[:, 0]), (height, expected[:, 1])):
        np.testing.assert_allclose(
            np.quantile(ours, [0.02, 0.1, 0.25, 0.5, 0.75, 0.9]),
            np.quantile(theirs, [0.02, 0.1, 0.25, 0.5, 0.75, 0.9]),
            atol=1.5,
        )
    slack = 2 / size  # sides are rounded to pixels
    assert (width * height >= size * size * (area[0] - slack)).all()
    shape = width / height
    if ratio[0] < 1:  # only ratios in [area, 1 / area] fit a square
        assert (shape >= area[0] - slack).all() and (shape <= 1 / (area[0] - slack)).all()
    for start, side in ((left, width), (top, height)):
        assert (start >= 0).all() and (start + side <= size).all()
        free = size - side > 3
        assert (start[free] / (size - side)[free]).mean() == pytest.approx(0.5, abs=0.02)


def test_all_off_is_division_by_255(clips):
    out = augmented(0, clips, SIZE, **OFF)
    np.testing.assert_allclose(out, np.asarray(clips) / 255, atol=1e-6)


def test_flip_probability_and_brightness_range():
    side = np.zeros((1, 1, 16, 16, 3), np.uint8)
    side[:, :, :, 8:] = 100  # bright on the right
    out = augmented(1, jnp.asarray(np.repeat(side, 2000, axis=0)), 16, **OFF | {"flip_prob": 0.3})
    assert (out[:, 0, 0, 0, 0] > 0).mean() == pytest.approx(0.3, abs=0.04)
    grey = jnp.full((2000, 1, 8, 8, 3), 102, jnp.uint8)
    light = augmented(2, grey, 8, **OFF | {"brightness": 0.6})[:, 0, 4, 4, 0] / (102 / 255)
    assert light.min() > 0.4 - 1e-4 and light.max() < 1.6 + 1e-4
    np.testing.assert_allclose(np.quantile(light, [0.25, 0.5, 0.75]), [0.7, 1, 1.3], atol=0.05)
    white = augmented(2, jnp.full((50, 1, 8, 8, 3), 255, jnp.uint8), 8, **OFF | {"brightness": 0.6})
    assert white.max() == 1.0


def test_rotation_stays_in_range():
    """The angle is read off a bright vertical bar: its shift between the top and bottom rows."""
    bar = np.zeros((300, 1, 101, 101, 3), np.uint8)
    bar[..., 45:56, :] = 255
    out = augmented(3, jnp.asarray(bar), 101, **OFF | {"max_degrees": 4.0})[:, 0, :, :, 0]
    columns = np.arange(101)
    middle = (out * columns).sum(-1) / out.sum(-1)
    degrees = np.degrees(np.arctan((middle[:, 90] - middle[:, 10]) / 80))
    assert np.abs(degrees).max() < 4.05 and degrees.std() == pytest.approx(8 / 12**0.5, abs=0.3)


def test_all_frames_of_a_clip_get_the_same(clip):
    still = jnp.asarray(np.repeat(clip[:1], 5, axis=0))[None]
    out = augmented(4, jnp.repeat(still, 3, axis=0))
    np.testing.assert_array_equal(out, np.repeat(out[:, :1], 5, axis=1))
    assert np.abs(out[0] - out[1]).max() > 0.05  # but clips differ


def test_a_clip_depends_on_its_own_key_alone(clips):
    keys = jax.random.split(jax.random.key(5), 4)
    run = functools.partial(crops.augment_clips, image_size=112)
    together = np.asarray(jax.jit(run)(keys, clips))
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(
        np.asarray(jax.jit(run)(keys[order], clips[order])), together[order]
    )
    for i in range(4):
        alone = jax.jit(run)(keys[i : i + 1], clips[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], atol=2e-5)
    halves = jax.pmap(run)(keys.reshape(2, 2), clips.reshape(2, 2, *clips.shape[1:]))
    np.testing.assert_allclose(halves.reshape(together.shape), together, atol=1e-6)
    np.testing.assert_allclose(run(keys, clips), together, atol=1e-4)  # without jit


def test_output_is_float32_in_range(clips):
    for seed in range(5):
        out = augmented(seed, clips)
        assert out.dtype == np.float32 and out.shape == (4, 3, 112, 112, 3)
        assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1


def test_resize_of_equal_size_divides_by_255(clips):
    out = crops.resize_clips(clips, image_size=SIZE)
    np.testing.assert_allclose(out, np.asarray(clips) / 255, rtol=2e-7)


def test_enlarging_is_opencvs_and_shrinking_is_pillows(clip, clips):
    larger = np.asarray(crops.resize_clips(clips, image_size=144))[0]
    smaller = np.asarray(crops.resize_clips(clips, image_size=80))[0]
    for frame, large, small in zip(clip, larger, smaller, strict=True):
        scaled = frame.astype(np.float32) / 255
        expected = cv2.resize(scaled, (144, 144), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(large, expected, atol=1e-4)
        expected = np.asarray(Image.fromarray(frame).resize((80, 80), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(small, expected / 255, atol=1.01 / 255)


def test_floats_are_refused(clips):
    with pytest.raises(Exception, match="clips"):
        crops.resize_clips(clips.astype(jnp.float32), image_size=112)
