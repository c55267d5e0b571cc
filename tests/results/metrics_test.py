import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from dfer_jax.results import metrics


def _random_case(seed, classes=7, clips=200, absent=()):
    rng = np.random.default_rng(seed)
    present = [c for c in range(classes) if c not in absent]
    return rng.choice(present, clips).astype(np.int32), rng.integers(classes, size=clips)


@pytest.mark.parametrize("absent", [(), (5,), (0, 6)])
def test_scores_equal_scikit_learn(absent):
    truth, predicted = _random_case(1, absent=absent)
    confusion = sk.confusion_matrix(truth, predicted, labels=range(7))
    ours = metrics.scores(confusion)
    present = sorted(set(truth.tolist()))
    assert ours.num_clips == 200
    np.testing.assert_allclose(ours.war, sk.accuracy_score(truth, predicted))
    np.testing.assert_allclose(
        ours.uar, sk.recall_score(truth, predicted, labels=present, average="macro")
    )
    np.testing.assert_allclose(
        ours.macro_f1, sk.f1_score(truth, predicted, labels=present, average="macro")
    )
    assert [c for c in range(7) if np.isnan(ours.recall[c])] == list(absent)


def test_published_row_gives_its_published_war():
    # GCA+IAL on DFEW, Table IV: recall per class, over the clips of each class in the split files.
    recall = np.array([87.95, 67.21, 70.10, 76.06, 62.22, 0.00, 26.44]) / 100
    clips = np.array([2445, 1894, 2669, 2173, 1469, 145, 902])
    hits = np.rint(recall * clips)
    confusion = np.diag(hits)
    confusion[:, 0] += clips - hits
    confusion[0] = [clips[0] - (clips[0] - hits[0]), clips[0] - hits[0], 0, 0, 0, 0, 0]
    ours = metrics.scores(confusion)
    assert ours.num_clips == 11697
    assert abs(ours.war * 100 - 69.24) < 0.01
    assert abs(ours.uar * 100 - 55.71) < 0.01


def test_masked_rows_count_in_nothing():
    truth, predicted = _random_case(2, clips=50)
    mask = np.arange(50) < 33
    masked = metrics.confusion_counts(
        jnp.asarray(predicted, jnp.int32), jnp.asarray(truth), jnp.asarray(mask), num_classes=7
    )
    np.testing.assert_array_equal(
        masked, sk.confusion_matrix(truth[:33], predicted[:33], labels=range(7))
    )


def test_sum_over_batches_equals_one_batch():
    truth, predicted = (jnp.asarray(x, jnp.int32) for x in _random_case(3, clips=60))
    count = jax.jit(metrics.confusion_counts, static_argnames="num_classes")
    mask = jnp.ones(60, bool)
    whole = count(predicted, truth, mask, num_classes=7)
    parts = [
        count(predicted[s], truth[s], mask[s], num_classes=7) for s in np.split(np.arange(60), 4)
    ]
    np.testing.assert_array_equal(sum(parts), whole)


def test_an_empty_matrix_is_refused():
    with pytest.raises(ValueError, match="no clip"):
        metrics.scores(np.zeros((7, 7)))
