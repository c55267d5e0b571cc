import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

from dfer_jax.errors import UserError
from dfer_jax.training import losses

LOGITS = jax.random.normal(jax.random.key(0), (5, 7)) * 3
LABELS = jnp.array([0, 3, 6, 2, 2])
ALL = {
    "cross_entropy": losses.cross_entropy,
    "intensity_aware": losses.intensity_aware,
    "gap_faithful": lambda x, y: losses.probability_gap(x, y, form="faithful"),
    "gap_positive": lambda x, y: losses.probability_gap(x, y, form="positive"),
}
INTENSITY_AWARE, CROSS_ENTROPY = jax.jit(losses.intensity_aware), jax.jit(losses.cross_entropy)
each_loss = pytest.mark.parametrize("loss", ALL.values(), ids=ALL.keys())


def _from_probabilities(target, rival, *, classes=7):
    """Returns logits [b, k] of these two probabilities (label 0); the others share the rest."""
    target, rival = np.atleast_1d(target), np.atleast_1d(rival)
    rest = [(1 - target - rival) / (classes - 2)] * (classes - 2) if classes > 2 else []
    shares = np.stack([target, rival, *rest], axis=1).astype(np.float32)
    with np.errstate(divide="ignore"):
        return jnp.asarray(np.log(shares))


@functools.cache
def _with_gradient(loss):
    """Compiles a loss, summed, with its gradient."""
    return jax.jit(jax.value_and_grad(lambda x, labels: loss(x, labels).sum()))


def _gap(target, rival, *, classes=7, **options):
    logits = _from_probabilities(target, rival, classes=classes)
    found = jax.jit(functools.partial(losses.probability_gap, **options))
    return np.asarray(found(logits, np.zeros(len(logits), int)))


@pytest.mark.parametrize(
    ("gap", "value"), [(1, 0.313262), (0, 0.693147), (-1, 1.313262), (10, 4.5399e-5)]
)
def test_intensity_aware_vectors(gap, value):
    logits = jnp.array([[-3.0, gap + 2.0, 2.0, 1.0, 0.0, -1.0, -2.0]])
    np.testing.assert_allclose(
        INTENSITY_AWARE(logits, np.array([1])), [value], rtol=1e-5, atol=5e-7
    )


def test_intensity_aware_is_cross_entropy_of_the_two():
    for logits, label, loss in zip(
        *map(np.asarray, (LOGITS, LABELS, INTENSITY_AWARE(LOGITS, LABELS))), strict=True
    ):
        rival = np.delete(logits, label).max()
        pair = np.array([[logits[label], rival]])
        expected = np.asarray(CROSS_ENTROPY(pair, np.array([0])))[0]
        np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)


def test_intensity_aware_is_at_most_cross_entropy():
    difference = np.asarray(CROSS_ENTROPY(LOGITS, LABELS)) - INTENSITY_AWARE(LOGITS, LABELS)
    assert difference.min() >= -1e-6


def test_intensity_aware_gradient():
    """-sigmoid at the target, +sigmoid at the rival, nothing at the five others."""
    _, gradients = _with_gradient(losses.intensity_aware)(LOGITS, LABELS)
    for logits, label, gradient in zip(np.asarray(LOGITS), LABELS, gradients, strict=True):
        masked = logits.copy()
        masked[label] = -np.inf
        rival = masked.argmax()
        weight = 1 / (1 + np.exp(logits[label] - logits[rival]))
        expected = np.zeros(7)
        expected[label], expected[rival] = -weight, weight
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


@each_loss
def test_gradients_agree_with_differences(loss):
    f = lambda x: loss(jnp.asarray(x), LABELS)  # noqa: E731
    check_grads(f, (LOGITS,), order=1, modes=["rev"], atol=2e-2, rtol=2e-2)


@each_loss
def test_batched_is_one_by_one_and_float32(loss):
    loss, logits, labels = jax.jit(loss), *map(np.asarray, (LOGITS, LABELS))
    batched = loss(LOGITS, LABELS)
    assert batched.shape == (5,) and batched.dtype == jnp.float32
    alone = [loss(logits[i : i + 1], labels[i : i + 1]) for i in range(5)]
    np.testing.assert_allclose(batched, np.concatenate(alone), rtol=1e-6)
    rounded = LOGITS.astype(jnp.bfloat16)
    found = loss(rounded, LABELS)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, loss(rounded.astype(jnp.float32), LABELS))


@each_loss
@pytest.mark.parametrize(
    "logits",
    [
        [1e4, -1e4, -1e4, -1e4, -1e4, -1e4, -1e4],
        [-1e4, 1e4, 1e4, 1e4, 1e4, 1e4, 1e4],
        [-1e4, 1e4, 0, 0, 0, 0, 0],
        [1e4] * 7,
        [0] * 7,
        [2, 2, 1, 0, 0, 0, 0],
        [1, 2, 2, 2, 0, 0, 0],
        [1e38, -1e38, 0, 0, 0, 0, 0],
    ],
)
def test_extremes_and_ties_are_finite(loss, logits):
    logits, labels = jnp.array([logits], jnp.float32), jnp.array([0])
    value, gradient = _with_gradient(loss)(logits, labels)
    assert np.isfinite(value) and value >= 0
    assert np.isfinite(gradient).all()


def test_tied_rivals_share_the_gradient():
    logits = jnp.array([[1.0, 2.0, 2.0, 0.0]])
    gradient = _with_gradient(losses.intensity_aware)(logits, np.array([0]))[1][0]
    weight = 1 / (1 + math.exp(-1))
    np.testing.assert_allclose(gradient, [-weight, weight / 2, weight / 2, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("target", "log_base", "value"),
    [(0.99, "10", 0.0088), (0.51, "10", 1.699), (0.99, "e", 0.020), (0.51, "e", 3.912)],
)
def test_gap_tends_to_the_papers_ranges(target, log_base, value):
    found = _gap(target, 1 - target, classes=2, eps=1e-6, log_base=log_base)
    np.testing.assert_allclose(found, value, atol=6e-4)


@pytest.mark.parametrize("form", ["faithful", "positive"])
def test_gap_falls_from_its_ceiling_to_zero(form):
    gaps = np.linspace(0, 0.99, 34)
    values = _gap((1 + gaps) / 2, (1 - gaps) / 2, classes=2, form=form)
    assert (np.diff(values) < 0).all()
    np.testing.assert_allclose(values[0], math.log(1.02 / 0.02), rtol=1e-4)
    certain = jnp.array([[200.0, 0.0, 0.0]])
    assert losses.probability_gap(certain, jnp.array([0]), form=form)[0] == 0


def test_gap_at_a_known_point():
    expected = -math.log((0.25 + 0.02) / 1.02)
    np.testing.assert_allclose(_gap(0.5, 0.25), expected, rtol=1e-5)
    np.testing.assert_allclose(_gap(0.5, 0.25, log_base="10"), expected / math.log(10), rtol=1e-5)
    np.testing.assert_allclose(_gap(0.5, 0.25, eps=0.1), -math.log(0.35 / 1.1), rtol=1e-5)


def test_gap_for_misclassified_clips():
    """`faithful` cannot tell right from wrong; `positive` leaves the wrong ones alone."""
    wrong, right = _from_probabilities(0.2, 0.5), _from_probabilities(0.5, 0.2)
    faithful = {"form": "faithful", "eps": 0.02}
    np.testing.assert_allclose(_gap(0.2, 0.5, **faithful), _gap(0.5, 0.2, **faithful), rtol=1e-5)

    def gradient(logits, form):
        loss = jax.tree_util.Partial(losses.probability_gap, form=form)
        return np.asarray(_with_gradient(loss)(logits, np.array([0]))[1])[0]

    assert gradient(wrong, "faithful")[0] > 0  # descent pushes the target down
    np.testing.assert_array_equal(gradient(wrong, "positive"), np.zeros(7))
    np.testing.assert_allclose(gradient(right, "positive"), gradient(right, "faithful"))
    tie = _from_probabilities(0.25, 0.25)
    tie = tie.at[0, 1].set(tie[0, 0])
    for form in ("faithful", "positive"):
        np.testing.assert_array_equal(gradient(tie, form), np.zeros(7))


def test_gap_without_smoothing_has_a_gradient_of_one_over_the_gap():
    """Without smoothing the loss explodes near a tie, and pushes a barely wrong target down."""

    def gradient(loss, target, rival):
        logits = _from_probabilities(target, rival)
        return np.asarray(_with_gradient(loss)(logits, np.array([0]))[1])[0]

    bare = functools.partial(losses.probability_gap, form="faithful", eps=1e-9)
    barely_right, barely_wrong = (0.266, 0.253), (0.253, 0.266)
    for pair, of_gap in ((barely_right, 28.3), ((0.26 + 2.6e-5, 0.26), 14_140)):
        np.testing.assert_allclose(np.linalg.norm(gradient(bare, *pair)), of_gap, rtol=0.03)
    np.testing.assert_allclose(
        np.linalg.norm(gradient(losses.cross_entropy, *barely_right)), 0.80, atol=0.02
    )
    np.testing.assert_allclose(gradient(losses.cross_entropy, *barely_wrong)[0], -0.74, atol=0.01)
    np.testing.assert_allclose(gradient(bare, *barely_wrong)[0], 19.8, rtol=0.03)


def test_gap_slope_is_bounded_by_one_over_eps():
    gaps = np.linspace(-0.5, 0.5, 501)
    values = _gap((1 + gaps) / 2, (1 - gaps) / 2, classes=2, form="faithful")
    slopes = np.abs(np.diff(values) / np.diff(gaps))
    assert 40 < slopes.max() <= 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "clip"}, "form 'clip' is unknown"),
        ({"log_base": "2"}, "log_base '2' is unknown"),
        ({"eps": 0.0}, "eps is 0.0; it must be above 0"),
    ],
)
def test_gap_refuses_unknown_options(options, message):
    with pytest.raises(UserError, match=message):
        losses.probability_gap(LOGITS, LABELS, **options)


def test_exponential_decay():
    decay = lambda n: losses.exponential_decay(n, amplitude=1.0, rate=0.03)  # noqa: E731
    np.testing.assert_allclose(decay(0), 1)
    np.testing.assert_allclose(decay(80), 0.0907, atol=5e-5)
    np.testing.assert_allclose(jax.jit(decay)(jnp.int32(80)), decay(80), rtol=1e-6)
    np.testing.assert_allclose(losses.exponential_decay(8, amplitude=5.0, rate=0.2), 1, atol=0.02)


def test_clip_loss_adds_its_parts():
    aux = {"layer2": LOGITS[::-1], "layer3": -LOGITS}
    loss = functools.partial(
        losses.clip_loss,
        ial_weight=0.1,
        aux_weights={"layer2": 0.05, "layer3": 0.5},
        gap_weight=jnp.float32(0.7),
        gap_form="faithful",
        gap_eps=0.05,
        gap_log_base="10",
    )
    total, parts = jax.jit(loss)(LOGITS, aux, LABELS)
    cross_entropy = optax.softmax_cross_entropy_with_integer_labels
    expected = {
        "ce": cross_entropy(LOGITS, LABELS),
        "ial": INTENSITY_AWARE(LOGITS, LABELS),
        "gap": losses.probability_gap(LOGITS, LABELS, form="faithful", eps=0.05, log_base="10"),
        "aux_layer2": cross_entropy(LOGITS[::-1], LABELS),
        "aux_layer3": cross_entropy(-LOGITS, LABELS),
    }
    assert parts.keys() == expected.keys()
    for name, part in parts.items():
        np.testing.assert_allclose(part, expected[name], rtol=1e-6, err_msg=name)
    weights = {"ce": 1, "ial": 0.1, "gap": 0.7, "aux_layer2": 0.05, "aux_layer3": 0.5}
    summed = sum(np.asarray(parts[name]) * weight for name, weight in weights.items())
    np.testing.assert_allclose(total, summed, rtol=1e-5)


def test_weight_zero_is_exactly_no_gradient():
    def total(logits, aux):
        weights = {"ial_weight": 0.0, "aux_weights": {"layer3": 0.0}, "gap_weight": 0.0}
        return losses.clip_loss(logits, {"layer3": aux}, LABELS, **weights)[0].sum()

    of_logits, of_aux = jax.jit(jax.grad(total, argnums=(0, 1)))(LOGITS, LOGITS)
    _, expected = _with_gradient(losses.cross_entropy)(LOGITS, LABELS)
    np.testing.assert_array_equal(of_logits, expected)
    np.testing.assert_array_equal(of_aux, jnp.zeros_like(LOGITS))


@pytest.mark.parametrize("weights", [{}, {"layer2": 1.0, "layer3": 1.0}])
def test_heads_and_weights_must_pair_up(weights):
    with pytest.raises(UserError, match="make the two the same"):
        losses.clip_loss(LOGITS, {"layer2": LOGITS}, LABELS, ial_weight=0.1, aux_weights=weights)


def test_smoothed_targets_are_shared_by_all_classes():
    logits, label, smoothing = jnp.asarray([[2.0, -1.0, 0.5, 0.0]]), jnp.asarray([1]), 0.2
    target = (1 - smoothing) * np.eye(4)[1] + smoothing / 4
    by_hand = -(target * np.log(np.exp(logits[0]) / np.exp(logits[0]).sum())).sum()
    found = losses.cross_entropy(logits, label, smoothing=smoothing)
    np.testing.assert_allclose(found, [by_hand], rtol=1e-5)
    total, _ = losses.clip_loss(
        logits, {}, label, ial_weight=0.0, aux_weights={}, label_smoothing=smoothing
    )
    np.testing.assert_allclose(total, found, rtol=1e-6)
