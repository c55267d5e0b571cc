import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.training import test_views


def test_views_become_rows_and_one_view_stays_as_it_is():
    clips = jnp.arange(2 * 3 * 4 * 3, dtype=jnp.uint8).reshape(2, 3, 4, 1, 1, 3)
    rows, views = test_views.in_a_row(clips)
    assert views == 3
    np.testing.assert_array_equal(rows[4], clips[1, 1])
    same, views = test_views.in_a_row(clips[:, 0])
    assert views == 1 and same.shape == (2, 4, 1, 1, 3)


@pytest.mark.parametrize("of", ["probabilities", "logits"])
def test_averages_are_of_what_they_say(of):
    logits = jax.random.normal(jax.random.key(0), (2 * 3, 5)) * 3
    found = jax.nn.softmax(test_views.average_logits(logits, 3, of=of))
    parted = np.asarray(logits, np.float64).reshape(2, 3, 5)
    shares = np.exp(parted) / np.exp(parted).sum(-1, keepdims=True)
    of_logits = np.exp(parted.mean(1)) / np.exp(parted.mean(1)).sum(-1, keepdims=True)
    expected = {"probabilities": shares.mean(1), "logits": of_logits}
    np.testing.assert_allclose(found, expected[of], atol=1e-6)
    assert np.abs(shares.mean(1) - of_logits).max() > 0.01, "both are the same here"


def test_one_view_is_untouched():
    logits = jax.random.normal(jax.random.key(1), (4, 5))
    assert test_views.average_logits(logits, 1) is logits
    assert test_views.mean(logits, 1) is logits
    np.testing.assert_allclose(
        test_views.mean(logits, 2), logits.reshape(2, 2, 5).mean(1), rtol=1e-6
    )


def test_views_that_are_alike_are_computed_once():
    clips = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 1, 1, 2, 2, 3)
    twice = np.repeat(clips, 2, axis=1)
    np.testing.assert_array_equal(test_views.without_copies(twice), clips)
    np.testing.assert_array_equal(test_views.without_copies(clips), clips)
    twice[1, 1] += 1  # of one clip they differ
    np.testing.assert_array_equal(test_views.without_copies(twice), twice)
