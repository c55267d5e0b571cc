import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import random_variables

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.models.gca_ial import GCAIAL
from dfer_jax.training import losses

TREE = pathlib.Path(__file__).parents[1] / "golden" / "gca_ial_tree.txt"
SMALL = {"num_frames": 4, "image_size": 48, "width": 8, "reduction": 4}
COUNTS = [
    ({}, 18_936_775),
    ({"aux_stages": ("layer2",)}, 18_802_119),
    ({"aux_stages": ()}, 18_767_559),
    ({"aux_stages": (), "attention": "none"}, 18_719_687),
    ({"reduction": 8}, 18_936_775 + 2_048 + 8_192),
    ({"attention": "se"}, 18_936_775 - 25_088 - 12_544),
    ({"attention": "cbam"}, 18_936_775 - 25_088 - 12_544),
]


def _shapes(**options):
    model = GCAIAL(**options)
    size = (2, model.num_frames, model.image_size, model.image_size, 3)
    init = functools.partial(model.init, train=False)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct(size, jnp.float32))


def _clips(num_clips=2, *, num_frames=4, image_size=48, seed=1):
    shape = (num_clips, num_frames, image_size, image_size, 3)
    return jax.random.uniform(jax.random.key(seed), shape)


@functools.cache
def _small(**options):
    """Returns a small network, its random weights and a jitted evaluation."""
    model = GCAIAL(**{**SMALL, **options})
    clips = _clips(num_frames=model.num_frames, image_size=model.image_size)
    variables = random_variables.random_variables(model, clips)
    return model, variables, jax.jit(functools.partial(model.apply, train=False))


@pytest.mark.parametrize(("options", "count"), COUNTS)
def test_parameter_count(options, count):
    variables = _shapes(**options)
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == count
    assert sum(x.size for x in jax.tree.leaves(variables["batch_stats"])) == 2 * 3_456
    assert set(variables) == {"params", "batch_stats"}
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))


def test_variable_tree_is_the_documented_one():
    leaves = jax.tree_util.tree_leaves_with_path(_shapes())
    lines = [f"{'/'.join(e.key for e in path)} {x.shape}" for path, x in leaves]
    assert "\n".join(lines) + "\n" == TREE.read_text()


def test_output_shapes_of_the_released_network():
    model = GCAIAL()
    apply = functools.partial(model.apply, train=False)
    clips = jax.ShapeDtypeStruct((2, 16, 112, 112, 3), jnp.float32)
    logits, out = jax.eval_shape(apply, _shapes(), clips)
    assert logits.shape == (2, 7)
    assert jax.tree.map(lambda x: x.shape, out) == {
        "stem": (2, 16, 28, 28, 64),
        "layer1": (2, 16, 28, 28, 64),
        "layer2": (2, 16, 14, 14, 128),
        "layer3": (2, 16, 7, 7, 256),
        "differences": (2, 15, 7, 7, 256),
        "dynamic": (2, 15, 4, 4, 256),
        "static": (2, 15, 4, 4, 256),
        "tokens": (2, 15, 4096),
        "features": (2, 4096),
        "gates": {"layer2": (2, 16, 128), "layer3": (2, 16, 256)},
        "aux_logits": {"layer2": (2, 7), "layer3": (2, 7)},
    }


def test_multiply_accumulates_per_clip_by_xla():
    """5.624 as written (benchmarks.speed.model_size); XLA omits products with zero padding."""
    clips = jax.ShapeDtypeStruct((1, 16, 112, 112, 3), jnp.float32)
    apply = functools.partial(GCAIAL().apply, train=False)
    lowered = jax.jit(apply).trace(_shapes(), clips).lower(lowering_platforms=("cuda",))
    by_xla = lowered.cost_analysis()["flops"] / 2  # for CPUs fewer: see winograd.py
    assert 5.0 < by_xla / 1e9 < 5.2


@pytest.mark.parametrize(
    "options",
    [
        {"attention": "cbam"},
        {"attention": "none", "num_frames": 2, "image_size": 16, "num_classes": 3},
    ],
)
def test_variants_train_with_finite_gradients(options):
    model, _, _ = _small(**options)
    clips = _clips(num_frames=model.num_frames, image_size=model.image_size)
    variables = jax.jit(functools.partial(model.init, train=False))(jax.random.key(0), clips)
    labels = jnp.array([0, 2])

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def gradient(params):
        (logits, out), updated = model.apply(
            {**variables, "params": params}, clips, train=True, mutable=["batch_stats"]
        )
        aux_weights = dict.fromkeys(out["aux_logits"], 0.5)
        total, _ = losses.clip_loss(
            logits, out["aux_logits"], labels, ial_weight=0.1, aux_weights=aux_weights
        )
        return total.mean(), (logits, updated)

    gradients, (logits, updated) = gradient(variables["params"])
    assert logits.dtype == jnp.float32 and logits.shape == (2, model.num_classes)
    for path, value in jax.tree_util.tree_leaves_with_path(gradients):
        value = np.asarray(value)
        assert value.dtype == np.float32 and np.isfinite(value).all(), path
        # A weight of one channel gate may rest behind a closed ReLU; all else must learn.
        assert np.abs(value).max() > 0 or "gate" in str(path), path
    before, after = variables["batch_stats"], updated["batch_stats"]
    assert all(
        jax.tree.leaves(
            jax.tree.map(lambda a, b: bool(np.any(np.asarray(a) != np.asarray(b))), before, after)
        )
    )


def test_released_network_is_the_default():
    assert models.create_model("gca_ial") == GCAIAL(
        num_classes=7,
        num_frames=16,
        image_size=112,
        width=64,
        attention="gca",
        reduction=16,
        aux_stages=("layer2", "layer3"),
        temporal_factor=True,
    )


def test_bfloat16_is_close_to_float32():
    _, variables, apply = _small()
    _, _, apply_bfloat16 = _small(dtype="bfloat16")
    clips = _clips()
    exact, rounded = apply(variables, clips)[0], apply_bfloat16(variables, clips)[0]
    assert 0 < jnp.abs(exact - rounded).max() < 0.05 * jnp.abs(exact).max() + 0.05


def test_evaluation_does_not_depend_on_the_batch():
    _, variables, apply = _small()
    a, b, c = _clips(3)
    first, _ = apply(variables, jnp.stack([a, b]))
    second, _ = apply(variables, jnp.stack([c, a]))
    np.testing.assert_allclose(first[0], second[1], atol=1e-5)
    assert jnp.abs(first[1] - second[0]).max() > 1e-3


def test_still_clip_has_no_dynamics():
    _, variables, apply = _small()
    still = jnp.repeat(_clips()[:, :1], 4, axis=1)
    _, out = apply(variables, still)
    np.testing.assert_allclose(out["differences"], 0, atol=1e-6)
    _, out = apply(variables, _clips())
    assert jnp.abs(out["differences"]).max() > 0.1


@pytest.mark.parametrize("attention", ["none", "gca"])
def test_static_branch_sees_the_last_frame_through_the_gate_only(attention):
    _, variables, apply = _small(attention=attention)
    clips = _clips()
    other_end = clips.at[:, -1].set(_clips(seed=2)[:, -1])
    first, second = (apply(variables, c)[1]["static"] for c in (clips, other_end))
    if attention == "gca":
        assert jnp.abs(first - second).max() > 1e-4
    else:
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_tokens_are_channel_major():
    _, variables, apply = _small()
    _, out = apply(variables, _clips())
    fused = np.asarray(out["dynamic"] + out["static"])  # [b, t, h, w, c]
    tokens = np.asarray(out["tokens"]).reshape(2, 3, 32, 2, 2)
    np.testing.assert_allclose(tokens[1, 2, 5, 1, 0], fused[1, 2, 1, 0, 5], rtol=1e-6)
    np.testing.assert_allclose(tokens, fused.transpose(0, 1, 4, 2, 3), rtol=1e-6)


def test_auxiliary_heads_read_the_named_stages_only():
    for stages in ((), ("layer3",), ("layer2", "layer3")):
        names = {key for key in _shapes(aux_stages=stages)["params"] if key.startswith("aux")}
        assert names == {f"aux_{stage}_fc{i}" for stage in stages for i in (1, 2)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 100}, "image_size is 100"),
        ({"num_frames": 1}, "num_frames is 1"),
        ({"width": 7}, "width is 7"),
        ({"reduction": 7}, "reduction is 7"),
        ({"reduction": 0}, "reduction is 0"),
        ({"attention": "ecbam"}, "attention 'ecbam' is unknown"),
        ({"aux_stages": ("layer1",)}, "aux_stages has no place for"),
    ],
)
def test_impossible_networks_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        _shapes(**{**SMALL, **options})


@pytest.mark.parametrize("shape", [(1, 5, 48, 48, 3), (1, 4, 64, 64, 3), (1, 4, 48, 64, 3)])
def test_clips_of_another_shape_are_refused(shape):
    model, variables, _ = _small()
    with pytest.raises(UserError, match="takes clips of 4 frames of 48x48x3"):
        jax.eval_shape(functools.partial(model.apply, train=False), variables, jnp.zeros(shape))
