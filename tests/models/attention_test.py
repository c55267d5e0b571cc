import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.models.attention import ChannelGate

X = jax.random.normal(jax.random.key(0), (6, 5, 4, 8))  # 2 clips of 3 frames


def _gate(kind, x=X, *, num_frames=3, temporal_factor=True, change=None, scale=1.0):
    """Returns gated map and intermediates of a gate with random (or changed) weights."""
    module = ChannelGate(
        kind=kind, num_frames=num_frames, reduction=4, temporal_factor=temporal_factor
    )
    params = jax.jit(module.init)(jax.random.key(1), x).get("params", {})
    params = jax.tree.map(lambda p: scale * p, params)
    params = change(params) if change else params
    return *jax.jit(module.apply)({"params": params}, x), params


def _without_w2(params):
    return {**params, "fc2": {"kernel": jnp.zeros_like(params["fc2"]["kernel"])}}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _bottleneck(params, z):
    hidden = np.maximum(np.asarray(z) @ np.asarray(params["fc1"]["kernel"]), 0)
    return hidden @ np.asarray(params["fc2"]["kernel"])


def test_gca_by_hand():
    gated, out, params = _gate("gca", scale=3.0)
    x, kernel = np.asarray(X, np.float64), np.asarray(params["kernel"], np.float64)
    z = np.array([[(x[n, :, :, c] * kernel[:, :, c]).sum() for c in range(8)] for n in range(6)])
    s = 2 * _sigmoid(_bottleneck(params, z)).reshape(2, 3, 8)
    gate = np.sqrt(s * s.mean(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out["descriptor"], z.reshape(2, 3, 8), atol=1e-5)
    np.testing.assert_allclose(out["gate"], gate, rtol=1e-4)
    np.testing.assert_allclose(gated, x * gate.reshape(6, 1, 1, 8), rtol=1e-3, atol=1e-4)
    assert np.ptp(gate) > 0.3


def test_gca_is_a_depthwise_convolution_over_the_whole_map():
    _, out, params = _gate("gca")
    convolved = jax.lax.conv_general_dilated(
        X,
        params["kernel"][:, :, None],  # [h, w, 1, c]
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=8,
    )
    np.testing.assert_allclose(out["descriptor"].reshape(6, 1, 1, 8), convolved, atol=1e-5)


@pytest.mark.parametrize("scale", [0.1, 1.0, 1e3])
def test_gca_gate_range(scale):
    _, out, _ = _gate("gca", scale=scale)
    assert out["gate"].min() > 0
    assert out["gate"].max() < 2.01


def test_gca_gate_without_w2_is_one():
    gated, out, _ = _gate("gca", change=_without_w2)
    np.testing.assert_allclose(out["gate"], 1.000005, atol=2e-7)
    np.testing.assert_allclose(gated, X * 1.000005, rtol=1e-6)


def test_gca_gate_permutes_with_the_frames():
    order = jnp.array([2, 0, 1, 4, 5, 3])  # within each clip
    _, out, _ = _gate("gca", scale=3.0)
    _, permuted, _ = _gate("gca", X[order], scale=3.0)
    np.testing.assert_allclose(
        permuted["gate"].reshape(6, 8), out["gate"].reshape(6, 8)[order], rtol=1e-5
    )


def test_temporal_factor_is_the_only_way_between_frames():
    changed = X.at[2].set(-X[2])
    for temporal_factor in (True, False):
        (_, first, _), (_, second, _) = (
            _gate("gca", x, temporal_factor=temporal_factor, scale=3.0) for x in (X, changed)
        )
        moved = np.abs(first["gate"] - second["gate"])[0, :2].max()
        assert (moved > 1e-3) == temporal_factor


def test_gca_without_temporal_factor_is_twice_the_sigmoid():
    _, out, params = _gate("gca", temporal_factor=False, scale=3.0)
    expected = 2 * _sigmoid(_bottleneck(params, out["descriptor"]))
    np.testing.assert_allclose(out["gate"], expected, rtol=1e-4)


def test_gca_gradient_is_finite_where_the_gate_closes():
    module = ChannelGate(kind="gca", num_frames=3, reduction=4)
    params = jax.jit(module.init)(jax.random.key(1), X)["params"]
    params = jax.tree.map(lambda p: 1e3 * p, params)
    gradients = jax.jit(jax.grad(lambda p: module.apply({"params": p}, X)[0].sum()))(params)
    assert all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(gradients))


def test_se_by_hand():
    gated, out, params = _gate("se")
    z = np.asarray(X).mean(axis=(1, 2))
    gate = _sigmoid(_bottleneck(params, z))
    np.testing.assert_allclose(out["descriptor"].reshape(6, 8), z, atol=1e-6)
    np.testing.assert_allclose(out["gate"].reshape(6, 8), gate, rtol=1e-5)
    np.testing.assert_allclose(gated, X * gate[:, None, None], rtol=1e-4, atol=1e-6)


def test_cbam_by_hand():
    _, out, params = _gate("cbam")
    mean, peak = np.asarray(X).mean(axis=(1, 2)), np.asarray(X).max(axis=(1, 2))
    gate = _sigmoid(_bottleneck(params, mean) + _bottleneck(params, peak))
    np.testing.assert_allclose(out["gate"].reshape(6, 8), gate, rtol=1e-4)


def test_none_changes_nothing_and_has_no_parameters():
    gated, out, params = _gate("none")
    assert params == {} and set(out) == {"descriptor"}
    np.testing.assert_array_equal(gated, X)
    np.testing.assert_allclose(out["descriptor"].reshape(6, 8), X.mean(axis=(1, 2)), atol=1e-6)
