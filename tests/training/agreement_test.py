"""Verdicts and weights on predictions written by hand, and what must hold for any."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dfer_jax.errors import UserError
from dfer_jax.training.agreement import (
    VERDICTS,
    Agreement,
    accuracy_by_level,
    keep_state_without_weight,
    ramp,
    tally,
)

CLASSES, LABEL = 7, 6
AGREEMENT = Agreement(warmup_epochs=10)


def _view(winner, *, top=0.94, label=0.01):
    """One prediction: `top` for the winner, `label` for the label, the rest shared."""
    p = np.full(CLASSES, (1 - top - label) / (CLASSES - 2), np.float32)
    p[winner], p[LABEL] = top, label
    return p


def _clip(winners, **options):
    return jnp.asarray(np.stack([_view(winner, **options) for winner in winners])[None])


def _random(seed=0, *, num_clips=64, views=4):
    random = np.random.default_rng(seed)
    clip, view = (random.normal(size=(num_clips, n, CLASSES)) for n in (1, views))
    p = np.exp(3 * clip + view)
    labels = random.integers(0, CLASSES, num_clips)
    return jnp.asarray(p / p.sum(-1, keepdims=True), jnp.float32), jnp.asarray(labels, jnp.int32)


@functools.cache
def _judge(agreement=AGREEMENT):
    return jax.jit(agreement.judge)


@pytest.mark.parametrize(
    ("winners", "share", "verdict", "weight"),
    [
        ((0, 0, 0, 0), 1.0, "noisy", 0.0),
        ((0, 0, 0, 1), 0.75, "hard", 4 / 3),
        ((0, 0, 1, 1), 0.5, "hard", 5 / 3),
        ((0, 0, 1, 2), 0.5, "hard", 5 / 3),
        ((0, 1, 2, 3), 0.25, "hard", 2.0),
    ],
)
def test_table_of_votes(winners, share, verdict, weight):
    found = _judge()(_clip(winners), jnp.array([LABEL]))
    assert float(found.share[0]) == share
    assert VERDICTS[int(found.verdict[0])] == verdict and found.verdict.dtype == jnp.int8
    np.testing.assert_allclose(found.weights, [weight], rtol=1e-6)
    assert int(found.modal_class[0]) == 0


def test_margin_decides_between_clean_and_noisy():
    for top, label, verdict in ((0.76, 0.24, "noisy"), (0.74, 0.26, "clean")):
        found = _judge()(_clip((2, 2, 2, 2), top=top, label=label), jnp.array([LABEL]))
        np.testing.assert_allclose(found.margin, [top - label], atol=1e-6)
        assert VERDICTS[int(found.verdict[0])] == verdict
    agreed = _judge()(_clip((2, 2, 2, 2)), jnp.array([2]))
    assert float(agreed.margin[0]) == 0.0
    assert VERDICTS[int(agreed.verdict[0])] == "clean" and float(agreed.weights[0]) == 1.0


def test_ties_go_to_the_class_with_the_larger_mean_probability():
    surer = np.stack([_view(3, top=0.6), _view(3, top=0.6), _view(5), _view(5)])[None]
    found = _judge()(jnp.asarray(surer), jnp.array([LABEL]))
    assert int(found.modal_class[0]) == 5
    more_votes = np.stack([_view(3, top=0.3)] * 2 + [_view(5), _view(4)])[None]
    assert int(_judge()(jnp.asarray(more_votes), jnp.array([LABEL])).modal_class[0]) == 3


def test_a_lower_threshold_takes_disagreeing_clips_for_noisy():
    lenient = Agreement(warmup_epochs=0, a_noisy=0.75, m_noisy=0.2)
    found = _judge(lenient)(
        jnp.concatenate([_clip((0, 0, 0, 1)), _clip((0, 0, 1, 1))]), jnp.array([LABEL] * 2)
    )
    assert found.verdict.tolist() == [2, 1] and float(found.weights[0]) == 0.0


@pytest.mark.parametrize("views", [2, 3, 8])
def test_weights_of_other_numbers_of_views(views):
    agreement = Agreement(warmup_epochs=0, views=views, gamma=0.5)
    winners = np.arange(views) % (CLASSES - 1)
    found = _judge(agreement)(_clip(winners), jnp.array([LABEL]))
    share = 2 / 8 if views == 8 else 1 / views
    expected = 1 + 0.5 * (1 - share) * views / (views - 1)
    np.testing.assert_allclose(found.weights, [expected], rtol=1e-6)


def test_agreement_does_not_depend_on_the_label():
    p, labels = _random()
    found = [_judge()(p, (labels + i) % CLASSES) for i in range(CLASSES)]
    for other in found[1:]:
        np.testing.assert_array_equal(other.share, found[0].share)
        np.testing.assert_array_equal(other.modal_class, found[0].modal_class)
    assert any((other.verdict != found[0].verdict).any() for other in found[1:])


def test_the_order_of_the_views_changes_nothing():
    p, labels = _random(2)
    expected = _judge()(p, labels)
    for order in itertools.permutations(range(4)):
        jax.tree.map(
            np.testing.assert_array_equal, _judge()(p[:, jnp.array(order)], labels), expected
        )


def test_random_clips_are_of_all_kinds_and_within_bounds():
    found = _judge()(*_random(3, num_clips=4096))
    assert set(np.unique(found.verdict)) == {0, 1, 2}
    assert (found.margin >= 0).all() and (found.margin <= 1).all()
    assert set(np.unique(found.share)) == {0.25, 0.5, 0.75, 1.0}
    assert ((found.verdict == 1) == (found.share < 1)).all()
    assert ((found.weights == 0) == (found.verdict == 2)).all()


def test_no_gradient_passes_through_the_weights():
    logits = jax.random.normal(jax.random.key(0), (8, 4, CLASSES))
    labels = jnp.arange(8) % CLASSES

    def loss(logits, *, weighted):
        p = jax.nn.softmax(logits)
        each = -jnp.log(p[jnp.arange(8), 0, labels])
        if not weighted:
            return each.mean()
        return (AGREEMENT(each, p, labels, epoch=20.0)[0] * each).mean()

    judge = jax.jit(lambda x: AGREEMENT(jnp.zeros(8), jax.nn.softmax(x), labels, epoch=20.0)[0])
    weights = np.asarray(judge(logits))
    assert len(np.unique(weights)) > 1
    plain, weighted = (
        jax.jit(jax.grad(functools.partial(loss, weighted=weighted)))(logits)
        for weighted in (False, True)
    )
    np.testing.assert_allclose(weighted, weights[:, None, None] * plain, rtol=1e-5)


def test_weights_are_1_in_the_warm_up_and_reached_along_a_ramp():
    p, labels = _random(4)
    row_weights = jax.jit(lambda epoch: AGREEMENT(jnp.zeros(64), p, labels, epoch=epoch)[0])
    full = _judge()(p, labels).weights
    for epoch in (0.0, 3.5, 9.99, 10.0):
        np.testing.assert_array_equal(row_weights(epoch), np.ones(len(labels)))
    for epoch, part in ((11.0, 0.2), (12.5, 0.5), (15.0, 1.0), (99.0, 1.0)):
        np.testing.assert_allclose(row_weights(epoch), 1 + part * (full - 1), atol=1e-6)


def test_ramp_without_length_is_a_step():
    assert [float(ramp(epoch, start=2.0, length=0.0)) for epoch in (1.9, 2.0, 5.0)] == [0, 1, 1]


def test_a_batch_of_noisy_clips_changes_nothing():
    """With momentum and weight decay, which move parameters at a gradient of zero."""
    decay = optax.add_decayed_weights(0.05)
    optimizer = optax.chain(decay, optax.sgd(0.1, momentum=0.9))
    params = {"w": jnp.ones((3, CLASSES))}
    x, labels = jnp.ones((4, 3)), jnp.full((4,), LABEL)
    state = params, optimizer.init(params)

    @jax.jit
    def step(state, views):
        params, opt_state = state

        def loss(params):
            logits = x @ params["w"]
            each = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            weights, _ = AGREEMENT(each, views, labels, epoch=50.0)
            return (weights * each).mean(), weights.sum()

        gradients, weight_sum = jax.grad(loss, has_aux=True)(params)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        updated = optax.apply_updates(params, updates), opt_state
        return keep_state_without_weight(weight_sum, updated=updated, unchanged=state), gradients

    noisy, hard = (jnp.tile(_clip(w), (4, 1, 1)) for w in ((0, 0, 0, 0), (0, 0, 0, 1)))
    moved, _ = step(state, hard)
    assert (moved[0]["w"] != params["w"]).any()
    still, gradients = step(moved, noisy)
    assert (gradients["w"] == 0).all()
    jax.tree.map(np.testing.assert_array_equal, still, moved)


def test_tally_counts_verdicts_and_accuracy_by_level():
    clips = [(0, 0, 0, 0), (LABEL,) * 4, (1, 1, 1, 2), (1, 1, LABEL, LABEL), (3, 3, 3, LABEL)]
    p = jnp.concatenate([_clip(winners, label=0.04) for winners in clips[:3]])
    sure = np.stack([_view(1, top=0.5), _view(1, top=0.5)] + [_view(LABEL, label=0.94)] * 2)
    last = _clip(clips[4])
    p = jnp.concatenate([p, jnp.asarray(sure)[None], last])
    labels = jnp.full((5,), LABEL)
    found = jax.jit(lambda: tally(_judge()(p, labels), labels, views=4))()
    found = {name: round(5 * float(value), 4) for name, value in found.items()}
    assert found == {
        "clean": 1,
        "hard": 3,
        "noisy": 1,
        "agree_1": 0,
        "agree_1_correct": 0,
        "agree_2": 1,
        "agree_2_correct": 1,
        "agree_3": 2,
        "agree_3_correct": 0,
        "agree_4": 2,
        "agree_4_correct": 1,
    }
    assert accuracy_by_level(found, views=4) == {0.5: 1.0, 0.75: 0.0, 1.0: 0.5}


def test_means_of_tallies_are_those_of_all_clips():
    p, labels = _random(5, num_clips=64)
    row_weights = jax.jit(
        lambda p, labels: AGREEMENT(jnp.zeros(len(labels)), p, labels, epoch=0.0)[1]
    )
    halves = [row_weights(p[i : i + 32], labels[i : i + 32]) for i in (0, 32)]
    whole = row_weights(p, labels)
    assert sum(float(whole[name]) for name in VERDICTS) == pytest.approx(1)
    for name, value in whole.items():
        assert float(halves[0][name] + halves[1][name]) / 2 == pytest.approx(float(value))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup_epochs": 1, "views": 1}, "fewer than 2"),
        ({"warmup_epochs": -1}, "must not be negative"),
        ({"warmup_epochs": 1, "gamma": -0.5}, "must not be negative"),
    ],
)
def test_settings_without_sense_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Agreement(**settings)


def test_another_number_of_views_is_refused():
    p, labels = _random(views=3)
    with pytest.raises(UserError, match="agreement of 4 views got 3 predictions"):
        AGREEMENT.judge(p, labels)
