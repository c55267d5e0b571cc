import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from dfer_jax.errors import UserError
from dfer_jax.frames import metrics as frame_metrics
from dfer_jax.results import metrics

# arXiv 2107.05160, both tables of results: F1, accuracy, score as printed, validation set.
EXPRESSION_ROWS = {
    "VGG-Face baseline": (0.30, 0.50, 0.366),
    "ResNet50 without face pre-training": (0.3763, 0.5713, 0.4402),
    "ResNet50 + VGGFace2": (0.4124, 0.6216, 0.4815),
    "CNN + CNN-RNN": (0.4126, 0.6220, 0.4817),
    "CNN + CNN-Transformer": (0.4127, 0.6221, 0.4818),
    "CNN + CNN-RNN + CNN-Transformer": (0.4133, 0.6216, 0.4821),
}
ACTION_UNIT_ROWS = {
    "VGG-Face baseline": (0.40, 0.22, 0.31),
    "ResNet50 + VGGFace2": (0.4701, 0.8768, 0.6734),
}
MISPRINTED = "ResNet50 without face pre-training"  # its F1 and accuracy give 0.4407
ROUNDING = 1e-4  # half a digit of F1 and accuracy, and half a digit of the score


def _expressions(seed, *, true_classes=range(7), predicted_classes=range(7), frames=300):
    rng = np.random.default_rng(seed)
    truth = rng.choice(list(true_classes), frames)
    return truth, rng.choice(list(predicted_classes), frames)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("true_classes", "predicted_classes"),
    [
        (range(7), range(7)),
        ((0, 1, 2, 4, 6), range(7)),  # 3 and 5 never occur
        (range(7), (0, 4)),  # most are never predicted
        ((0, 1, 4), (0, 4, 5)),  # 2, 3, 6 neither occur nor are predicted
        ((2,), (2,)),
    ],
)
def test_expressions_equal_scikit_learn(seed, true_classes, predicted_classes):
    truth, predicted = _expressions(
        seed, true_classes=true_classes, predicted_classes=predicted_classes
    )
    labels = list(range(7))
    ours = frame_metrics.expression_scores(sk.confusion_matrix(truth, predicted, labels=labels))
    f1 = sk.f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    np.testing.assert_allclose(ours.f1, f1, rtol=1e-12)
    np.testing.assert_allclose(ours.macro_f1, f1.mean())
    np.testing.assert_allclose(ours.accuracy, sk.accuracy_score(truth, predicted))
    np.testing.assert_allclose(ours.score("abaw2"), 0.67 * ours.macro_f1 + 0.33 * ours.accuracy)
    assert ours.score("abaw3") == ours.macro_f1
    assert ours.num_frames == 300


def test_absent_classes_count_as_zero_here_and_not_in_the_clip_metrics():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    confusion = sk.confusion_matrix(truth, predicted, labels=range(7))
    assert frame_metrics.expression_scores(confusion).macro_f1 == pytest.approx(2 / 7)
    assert metrics.scores(confusion).macro_f1 == 1


def _action_units(seed, *, frames=200):
    """Unit 2 is never active, 5 always; unit 7 is never predicted, 2 and 7 together undefined."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((frames, 12)) < rng.uniform(0.05, 0.9, 12)).astype(np.int32)
    predicted = np.where(rng.random((frames, 12)) < 0.9, truth, 1 - truth).astype(bool)
    truth[:, 2], truth[:, 5] = 0, 1
    predicted[:, 7] = False
    predicted[:, 2] = rng.random(frames) < 0.1 * (seed % 2)  # for even seeds never predicted
    return truth, predicted


@pytest.mark.parametrize("seed", range(4))
def test_action_units_equal_scikit_learn(seed):
    truth, predicted = _action_units(seed)
    counts = frame_metrics.action_unit_counts(
        jnp.asarray(predicted), jnp.asarray(truth), jnp.ones(len(truth), bool)
    )
    ours = frame_metrics.action_unit_scores(counts)
    f1 = sk.f1_score(truth, predicted, average=None, zero_division=0)
    np.testing.assert_allclose(ours.f1, f1, rtol=1e-12)
    np.testing.assert_allclose(ours.macro_f1, f1.mean())
    cells = sk.accuracy_score(truth.ravel(), predicted.ravel())
    np.testing.assert_allclose(ours.accuracy, cells)
    np.testing.assert_allclose(ours.exact_match, sk.accuracy_score(truth, predicted))
    np.testing.assert_allclose(ours.score("abaw2"), (ours.macro_f1 + cells) / 2)
    assert ours.score("abaw3") == ours.macro_f1
    assert ours.num_frames == len(truth)


def test_masked_frames_count_in_nothing_and_batches_add_up():
    truth, predicted = _action_units(1)
    mask = np.random.default_rng(0).random(len(truth)) < 0.7
    labels = np.where(mask[:, None], truth, -1)
    arrays = [jnp.asarray(x) for x in (predicted, labels, mask)]
    count = jax.jit(frame_metrics.action_unit_counts)
    parts = [count(*(x[rows] for x in arrays)) for rows in np.split(np.arange(200), 4)]
    whole = frame_metrics.action_unit_counts(
        *(jnp.asarray(x) for x in (predicted[mask], truth[mask], mask[mask]))
    )
    jax.tree.map(np.testing.assert_array_equal, jax.tree.map(lambda *x: sum(x), *parts), whole)
    assert int(whole.num_frames) == mask.sum()


@pytest.mark.parametrize("row", EXPRESSION_ROWS)
def test_published_expression_rows(row):
    f1, accuracy, printed = EXPRESSION_ROWS[row]
    score = frame_metrics.challenge_score(f1, accuracy, task="expressions", edition="abaw2")
    if row == MISPRINTED:
        assert round(score, 4) == 0.4407 and abs(score - printed) > 4 * ROUNDING
    else:
        assert abs(score - printed) < ROUNDING


@pytest.mark.parametrize("row", ACTION_UNIT_ROWS)
def test_published_action_unit_rows(row):
    f1, accuracy, printed = ACTION_UNIT_ROWS[row]
    score = frame_metrics.challenge_score(f1, accuracy, task="action_units", edition="abaw2")
    assert abs(score - printed) < ROUNDING


def test_unknown_scores_and_empty_sums_are_refused():
    with pytest.raises(UserError, match="no score is known for expressions of abaw1"):
        frame_metrics.challenge_score(0.5, 0.5, task="expressions", edition="abaw1")
    with pytest.raises(ValueError, match="no frame"):
        frame_metrics.expression_scores(np.zeros((7, 7)))
    nothing = frame_metrics.action_unit_counts(
        jnp.ones((3, 12), bool), jnp.ones((3, 12), int), jnp.zeros(3, bool)
    )
    with pytest.raises(ValueError, match="no frame"):
        frame_metrics.action_unit_scores(nothing)
