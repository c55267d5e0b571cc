"""RDFER's networks against an independent PyTorch statement of them, from the same weights.

`tests/golden/make_rdfer_golden.py` made the expected values with PyTorch float32. Weights go from
one tree to the other by name.
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import rdfer_recipe as recipe
from golden.rdfer_names import LEAVES, make_variables, reference_names, to_ours

from dfer_jax.models.instance_bag import AttentionGate
from dfer_jax.models.lstm import BidirectionalLSTM
from dfer_jax.models.rdfer import RDFER
from dfer_jax.models.temporal_shift import ShiftedResNet, temporal_shift
from dfer_jax.training import losses

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
QUICK = {"xla_backend_optimization_level": 0}  # compiles several times faster
MODEL = RDFER(
    num_frames=recipe.NUM_FRAMES,
    image_size=recipe.IMAGE_SIZE,
    width=recipe.WIDTH,
    hidden=recipe.HIDDEN,
    synopsis_depth=10,
    detail_depth=18,
    dropout=0.0,
)


def _variables(model, *inputs, **options):
    """Returns the model's variables with the recipe's weights."""
    shapes = jax.eval_shape(functools.partial(model.init, **options), jax.random.key(0), *inputs)
    return jax.tree.map(jnp.asarray, make_variables(shapes, recipe.make_array))


@functools.cache
def _golden(file):
    return dict(np.load(GOLDEN / file))


@functools.cache
def _whole():
    clips = jnp.asarray(recipe.make_clips())
    return clips, _variables(MODEL, clips, train=False)


def _check_outputs(logits, out, stage):
    found = {
        "logits": logits,
        "features": out["features"],
        "synopsis": out["aux_logits"]["synopsis"],
        "synopsis_instances": out["instance_logits"]["synopsis"],
        "detail_instances": out["instance_logits"]["detail"],
    }
    golden = _golden("rdfer.npz")
    np.testing.assert_array_equal(out["key_instants"], golden[f"{stage}/key_instants"])
    for name, value in found.items():
        np.testing.assert_allclose(value, golden[f"{stage}/{name}"], atol=1e-4, err_msg=name)


def test_every_tensor_of_the_reference_is_used_once():
    _, variables = _whole()
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    names = [name for path, _ in leaves for name in reference_names(path[1:])]
    reference = [str(name) for name in _golden("rdfer.npz")["names"]]
    assert sorted(names) == sorted(name for name in reference if "num_batches" not in name)


def test_outputs():
    clips, variables = _whole()
    apply = jax.jit(functools.partial(MODEL.apply, train=False), compiler_options=QUICK)
    logits, out = apply(variables, clips)
    _check_outputs(logits, out, "eval")


@functools.cache
def _trained():
    clips, variables = _whole()

    def loss(params):
        (logits, out), _ = MODEL.apply(
            {**variables, "params": params}, clips, train=True, mutable=["batch_stats"]
        )
        each, _ = losses.clip_loss(
            logits,
            out["aux_logits"],
            jnp.asarray(recipe.LABELS),
            ial_weight=0.0,
            aux_weights={"synopsis": 0.1},
            instance_logits=out["instance_logits"],
            instance_weights={"synopsis": 0.1, "detail": 0.1},
        )
        return each.mean(), (logits, out)

    step = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=QUICK)
    return step(variables["params"])


def test_outputs_and_loss_in_training():
    (loss, (logits, out)), _ = _trained()
    np.testing.assert_allclose(loss, _golden("rdfer.npz")["train/loss"], rtol=1e-5)
    _check_outputs(logits, out, "train")


def test_gradients():
    """All norms, and the smaller gradients whole."""
    golden, compared = _golden("rdfer.npz"), []
    norms = dict(zip(golden["gradient_names"].tolist(), golden["gradient_norms"], strict=True))
    for path, leaf in jax.tree_util.tree_leaves_with_path(_trained()[1]):
        names = reference_names(path)
        for name, ours in zip(names, leaf if len(names) == 2 else [leaf], strict=True):
            norm = np.linalg.norm(ours)
            np.testing.assert_allclose(norm, norms[name], rtol=2e-3, atol=1e-6, err_msg=name)
            if f"gradient/{name}" in golden:
                whole = to_ours(golden[f"gradient/{name}"])
                bound = 1e-6 + 2e-3 * np.abs(whole).max()
                np.testing.assert_allclose(ours, whole, atol=bound, err_msg=name)
                compared.append(name)
    assert len(compared) > 0.4 * len(norms)


@pytest.mark.parametrize("segment", [4, 6])
def test_temporal_shift(segment):
    maps = recipe.make_array("maps", (12, 20, 3, 5)).transpose(0, 2, 3, 1)
    found = np.asarray(temporal_shift(jnp.asarray(maps), segment=segment))
    expected = _golden("rdfer_parts.npz")[f"shift_by_{segment}"]
    np.testing.assert_array_equal(found.transpose(0, 3, 1, 2), expected)


@pytest.mark.parametrize("depth", [18, 50])
def test_backbone(depth):
    model, frames = ShiftedResNet(depth=depth, width=recipe.WIDTH), recipe.make_clips()[0, :8]
    variables = _variables(model, frames, train=False)
    found = jax.jit(functools.partial(model.apply, train=False))(variables, frames)
    np.testing.assert_allclose(found, _golden("rdfer_parts.npz")[f"resnet{depth}"], atol=1e-4)


def test_lstm():
    x = jnp.asarray(recipe.make_array("instances", (2, 5, recipe.HIDDEN)))
    for i in range(2):
        layer = BidirectionalLSTM(recipe.HIDDEN)
        shapes = jax.eval_shape(layer.init, jax.random.key(0), x)["params"]
        params = {}
        for leaf, value in shapes.items():
            names = [f"lstm.{LEAVES[leaf]}_l{i}{way}" for way in ("", "_reverse")]
            arrays = [recipe.make_array(name, value.shape[:0:-1]).T for name in names]
            params[leaf] = jnp.asarray(np.stack(arrays))
        x = layer.apply({"params": params}, x)
    assert x.dtype == jnp.float32
    np.testing.assert_allclose(x, _golden("rdfer_parts.npz")["lstm"], atol=1e-5)


def test_attention_gate():
    x = jnp.asarray(recipe.make_array("wide", (2, 5, 2 * recipe.HIDDEN)))
    found = AttentionGate().apply(_variables(AttentionGate(), x), x)
    np.testing.assert_allclose(found, _golden("rdfer_parts.npz")["gate"], atol=1e-5)
