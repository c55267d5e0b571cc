"""Mixed clips and their targets, by hand; one share for clip and target, boxes as large as said."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dfer_jax.runtime import parallel
from dfer_jax.training.losses import cross_entropy
from dfer_jax.training.mixing import Mixing, box_of
from dfer_jax.training.step import make_init, make_train_step

CLIPS = np.random.default_rng(0).uniform(size=(4, 2, 8, 8, 3)).astype(np.float32)
LABELS = jnp.array([2, 0, 1, 2])
VOTES = np.array([[7, 2, 1], [10, 0, 0], [0, 5, 5], [1, 1, 8]], np.float32) / 10
KEYS = jax.random.split(jax.random.key(0), 20)


def _mixed(labels, **options):
    mixing = Mixing(3, **{"mixup_alpha": 0.0, "cutmix_alpha": 0.0, "cutmix_share": 0.5} | options)
    return jax.device_get(jax.jit(jax.vmap(mixing, (0, None, None)))(KEYS, CLIPS, labels))


@pytest.mark.parametrize("labels", [LABELS, jnp.asarray(VOTES)], ids=["labels", "votes"])
def test_mixup_is_its_formula_with_one_share_for_pixels_and_votes(labels):
    p = VOTES if labels.ndim == 2 else np.eye(3)[np.asarray(labels)]
    clips, targets = _mixed(labels, mixup_alpha=0.8)
    np.testing.assert_allclose(targets.sum(axis=-1), 1, atol=1e-6)
    before = np.roll(CLIPS, 1, axis=0)
    for x, y in zip(clips, targets, strict=True):
        share = ((x - before) * (CLIPS - before)).sum() / ((CLIPS - before) ** 2).sum()
        np.testing.assert_allclose(x, share * CLIPS + (1 - share) * before, atol=1e-5)
        np.testing.assert_allclose(y, share * p + (1 - share) * np.roll(p, 1, axis=0), atol=1e-5)
    assert len(np.unique(targets[:, 1, 0].round(4))) > 15, "each key draws its own share"


def test_cutmix_takes_a_box_through_all_frames_and_its_area_of_the_target():
    clips, targets = _mixed(LABELS, cutmix_alpha=1.0)
    before, p = np.roll(CLIPS, 1, axis=0), np.eye(3)[np.asarray(LABELS)]
    areas = []
    for x, y in zip(clips, targets, strict=True):
        other = (x == before).all(axis=(0, 1, -1))  # [h, w], the same in all clips and frames
        assert ((x == CLIPS).all(axis=(0, 1, -1)) | other).all()
        share = 1 - other.mean()
        areas.append(share)
        np.testing.assert_allclose(y, share * p + (1 - share) * np.roll(p, 1, axis=0), atol=1e-6)
    assert 0.3 < np.mean(areas) < 0.95


def test_a_box_in_the_middle_has_the_share_asked_for():
    boxes = jax.vmap(lambda k: box_of(k, jnp.float32(0.75), height=16, width=32))(KEYS)
    sides = [(b.any(axis=1).sum(), b.any(axis=0).sum()) for b in np.asarray(boxes)]
    assert max(h for h, _ in sides) == 8
    assert max(w for _, w in sides) == 16
    np.testing.assert_array_equal(boxes.sum(axis=(1, 2)), [h * w for h, w in sides])


def test_both_are_drawn_with_their_share():
    clips, targets = _mixed(LABELS, mixup_alpha=0.8, cutmix_alpha=1.0)
    before = np.roll(CLIPS, 1, axis=0)
    cut = ((clips == CLIPS) | (clips == before)).all(axis=(1, 2, 3, 4, 5))
    assert 3 < cut.sum() < 17
    np.testing.assert_allclose(targets.sum(axis=-1), 1, atol=1e-6)


class Pooled(nn.Module):
    """One layer behind the mean of all pixels."""

    @nn.compact
    def __call__(self, clips, *, train):
        return nn.Dense(3)(clips.mean(axis=(1, 2, 3))), {"aux_logits": {}}


def test_a_step_with_mixed_votes_has_the_gradient_of_their_cross_entropy():
    one = parallel.over(jax.devices()[:1])
    mixing = Mixing(3, mixup_alpha=0.4, cutmix_alpha=0.0, cutmix_share=0.5)
    seen = []

    def objective(logits, out, labels, weights, step):
        seen.append(labels.shape)
        loss = cross_entropy(logits, labels).mean()
        return loss, {"total": labels.sum(axis=-1).mean()}

    shared = {"seed": 0, "optimizer": optax.sgd(1.0)}
    step = make_train_step(
        Pooled(),
        objective=objective,
        augmentation=lambda keys, clips: clips,
        parallel=one,
        mixing=mixing,
        **shared,
    )
    first = make_init(Pooled(), clip_shape=(2, 8, 8, 3), **shared)()
    before = jax.device_get(first.params["Dense_0"]["bias"])
    batch = {"clips": CLIPS, "labels": np.asarray(LABELS), "targets": VOTES}
    state, metrics = step(first, one.put(batch))
    assert seen == [(4, 3)]
    np.testing.assert_allclose(metrics["total"], 1, atol=1e-6)
    moved = state.params["Dense_0"]["bias"] - before  # minus the mean of softmax - target
    np.testing.assert_allclose(moved.sum(), 0, atol=1e-6)
    assert np.abs(moved).max() > 0.01
