import numpy as np
import pytest

from dfer_jax.data.interpolation import interpolate, interpolation_weights


def on_the_curve_of_the_chain(frames, places):
    """The paper's steps: Laplacian of the chain, principal directions, the map, the curve."""
    n, mean = len(frames), frames.mean(axis=0)
    chain = np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    _, vectors = np.linalg.eigh(np.diag(chain.sum(axis=1)) - chain)
    coordinates = vectors[:, 1:]  # without the constant one
    u, s, vt = np.linalg.svd((frames - mean).T, full_matrices=False)
    u, projected = u[:, : n - 1], (s[:, None] * vt)[: n - 1]  # [n - 1, n]
    unmapped = np.linalg.lstsq(coordinates, projected.T, rcond=None)[0].T
    k = np.arange(1, n)
    curve = np.sin(np.pi * k * places[:, None] / n + np.pi * (n - k) / (2 * n))
    at_frames = np.sin(np.pi * k * np.arange(1, n + 1)[:, None] / n + np.pi * (n - k) / (2 * n))
    scale = (coordinates * at_frames).sum(axis=0) / (at_frames**2).sum(axis=0)  # and the sign
    return mean + (u @ unmapped @ (curve * scale).T).T


@pytest.mark.parametrize(("n", "t"), [(2, 5), (7, 16), (23, 16)])
def test_it_is_the_curve_of_the_paper(n, t):
    frames = np.random.default_rng(n).normal(size=(n, 60))
    expected = on_the_curve_of_the_chain(frames, np.linspace(1, n, t))
    np.testing.assert_allclose(interpolation_weights(n, t) @ frames, expected, atol=2e-5)


@pytest.mark.parametrize("n", [1, 2, 16, 90])
def test_weights_sum_to_one_and_its_own_length_gives_a_clip_back(n):
    np.testing.assert_allclose(interpolation_weights(n, 16).sum(axis=1), 1, atol=1e-4)
    frames = np.random.default_rng(n).integers(0, 256, (n, 3, 3, 3), np.uint8)
    np.testing.assert_array_equal(interpolate(frames, n), frames)
    ends = interpolate(frames, 16)[[0, -1]]
    np.testing.assert_array_equal(ends, frames[[0, -1]])


def test_overshoot_is_cut_to_the_range_of_pixels():
    frames = np.repeat([0, 0, 0, 255, 255, 255], 3).reshape(6, 1, 1, 3).astype(np.uint8)
    found = interpolate(frames, 31)
    assert found.dtype == np.uint8 and found.min() == 0 and found.max() == 255
    bent = (interpolation_weights(6, 31) @ frames.reshape(6, -1)).max()
    assert bent > 256, f"largest {bent}: nothing was cut, so this says nothing"
