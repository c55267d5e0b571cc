import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.models.normalisation import NORMALISATIONS
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.augment.erasing import draw_box, erase_clips


@pytest.fixture(scope="module")
def boxes():
    draw = jax.jit(jax.vmap(lambda key: draw_box(key, size=(160, 160))))
    return np.asarray(draw(jax.random.split(jax.random.key(0), 4000)))


def test_boxes_lie_inside_and_follow_their_law(boxes):
    top, left, height, width = boxes.T
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + height <= 160).all() and (left + width <= 160).all()
    assert (height > 0).mean() > 0.99, "more than 1 % found no box"
    area, ratio = height * width / 160**2, height / np.maximum(width, 1)
    assert area.max() < 0.34 and area[height > 0].min() > 0.018, (area.min(), area.max())
    assert ratio[height > 0].min() > 0.28 and ratio.max() < 3.6
    assert abs(np.median(ratio) - 1) < 0.1, "tall boxes are as frequent as wide ones"
    rng = np.random.default_rng(0)  # the codes' rule, written anew
    areas, ratios = (
        rng.uniform(0.02, 1 / 3, 40_000),
        np.exp(rng.uniform(*np.log([0.3, 1 / 0.3]), 40_000)),
    )
    fits = (np.sqrt(areas * ratios) < 1) & (np.sqrt(areas / ratios) < 1)
    assert area.mean() == pytest.approx(areas[fits].mean(), rel=0.03)


def test_one_box_of_noise_in_all_frames_of_some_clips():
    clips = jnp.full((200, 2, 16, 16, 3), 0.25)
    found = np.asarray(
        erase_clips(jax.random.split(jax.random.key(1), 200), clips, probability=0.25)
    )
    erased = (found != 0.25).any(axis=-1)  # [b, t, h, w]
    np.testing.assert_array_equal(erased, np.broadcast_to(erased[:, :1], erased.shape))
    assert 30 <= erased.any(axis=(1, 2, 3)).sum() <= 70, "not a quarter of the clips"
    noise, imagenet = found[erased], NORMALISATIONS["imagenet"]
    np.testing.assert_allclose(noise.mean(0), imagenet.mean, atol=0.02)
    np.testing.assert_allclose(noise.std(0), imagenet.std, atol=0.02)
    first = np.argmax(erased.any(axis=(1, 2, 3)))
    assert (found[first, 0] != found[first, 1])[erased[first, 0]].all(), "frames share their noise"


def test_it_is_done_to_clips_in_training_where_it_is_on():
    clips = jax.random.randint(jax.random.key(0), (2, 2, 16, 16, 3), 0, 256).astype(jnp.uint8)
    keys = jax.random.split(jax.random.key(1), 2)
    fields = (16, (1.0, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0)
    plain, erased = (
        np.asarray(jax.jit(Augmentation(*fields, erase_probability=p))(keys, clips))
        for p in (0.0, 1.0)
    )
    np.testing.assert_allclose(plain, np.asarray(clips) / 255, atol=1e-6)
    assert 0 < (erased != plain).mean() < 0.5, "no box, or more than one"
