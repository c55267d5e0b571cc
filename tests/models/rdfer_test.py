"""Size, structure and invariances of RDFER's networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import random_variables

from dfer_jax.errors import UserError
from dfer_jax.models import create_model
from dfer_jax.models.instance_bag import InstanceBag
from dfer_jax.models.rdfer import RDFER
from dfer_jax.training import losses
from dfer_jax.training.agreement import Agreement

SMALL = {
    "num_frames": 20,
    "image_size": 16,
    "width": 8,
    "hidden": 8,
    "synopsis_depth": 10,
    "detail_depth": 10,
}
LABELS = jnp.array([0, 4, 6, 1])
QUICK = {"xla_backend_optimization_level": 0}  # compiles several times faster
LSTM = 2 * 4 * 512 * (512 + 512 + 2) + 2 * 4 * 512 * (1024 + 512 + 2)
HEAD = LSTM + 1024 * 3072 + 2 * 1024 + 1024 * 7 + 7  # with the gate and the classifier
RESNET_18 = 11_176_512 + 512 * 512 + 512
RESNET_50 = 23_508_032 + 2048 * 512 + 512
CONTEXT = 1024 * 1024 + 1024
MIX = (16 * 3 + 1) + (4 * 3 + 1)
# Of the 77,487,316 of the public code: two heads for learned centres and strides, not built, and
# 1,024 parameters of its detail network that its known layers do not account for.
PUBLIC, LEARNED_POSITIONS, UNKNOWN = 77_487_316, 2 * (1024 * 4 + 4), 1024


def _shapes(shape=None, **options):
    model = create_model("rdfer", **options)
    shape = shape or (2, model.num_frames, model.image_size, model.image_size, 3)
    init = functools.partial(model.init_with_output, train=False)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))


def _clips(seed=1, *, num_frames=20):
    """Pictures that differ from frame to frame and from clip to clip."""
    random = np.random.default_rng(seed)
    level, noise = (random.uniform(size=(4, num_frames, n, n, 3)) for n in (1, 16))
    return jnp.asarray((level + noise) / 2, jnp.float32)


@functools.cache
def _small(**options):
    """Returns a small network, its random weights and a jitted evaluation, which takes a key."""
    model = RDFER(**{**SMALL, **options})
    variables = random_variables(model, _clips(num_frames=model.num_frames))

    @functools.partial(jax.jit, compiler_options=QUICK)
    def apply(variables, clips, seed=0):
        rngs = {"dropout": jax.random.key(seed)}
        return model.apply(variables, clips, train=False, rngs=rngs)

    return model, variables, apply


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, RESNET_18 + RESNET_50),
        ({"synopsis_depth": 50}, 2 * RESNET_50),
        ({"detail_depth": 18}, 2 * RESNET_18),
    ],
)
def test_parameter_count(options, count):
    _, variables = _shapes(**options)
    assert set(variables) == {"params", "batch_stats"}
    found = sum(x.size for x in jax.tree.leaves(variables["params"]))
    assert found == count + 2 * HEAD + CONTEXT + MIX
    if options.get("synopsis_depth") == 50:
        assert found == PUBLIC - LEARNED_POSITIONS - UNKNOWN
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))


@pytest.mark.parametrize(
    "options", [{"dtype": jnp.bfloat16}, {"key_count": 1, "num_frames": 16, "num_classes": 8}]
)
def test_shapes_of_the_outputs(options):
    (logits, out), _ = _shapes(**options)
    k, m = options.get("num_classes", 7), options.get("key_count", 4)
    assert jax.tree.map(lambda x: x.shape, out) == {
        "features": (2, 1024),
        "aux_logits": {"synopsis": (2, k)},
        "instance_logits": {"synopsis": (2, 16, k), "detail": (2, m, k)},
        "key_instants": (2, m),
    }
    assert logits.shape == (2, k) and out["key_instants"].dtype == jnp.int32
    floats = [logits, *jax.tree.leaves({**out, "key_instants": logits})]
    assert all(x.dtype == jnp.float32 for x in floats)


def test_initial_values_of_the_head_are_those_of_pytorch():
    x = jnp.zeros((1, 16, 64))
    params = jax.jit(InstanceBag(7, 64).init)(jax.random.key(0), x)["params"]
    bounds = {"lstm0": 64**-0.5, "lstm1": 64**-0.5, "mix": 48**-0.5, "classifier": 128**-0.5}
    for name, bound in bounds.items():
        largest = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(params[name]))
        assert 0.8 * bound < largest <= bound, name


def _train(model, variables, clips, key):
    """Returns the mean loss with weights by the agreement of the details, and its gradients."""
    agreement = Agreement(warmup_epochs=0, ramp_epochs=0)

    def loss(params):
        (logits, out), updated = model.apply(
            {**variables, "params": params},
            clips,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        each, _ = losses.clip_loss(
            logits,
            out["aux_logits"],
            LABELS,
            ial_weight=0.0,
            aux_weights={"synopsis": 0.1},
            instance_logits=out["instance_logits"],
            instance_weights={"synopsis": 0.1, "detail": 0.1},
        )
        views = jax.nn.softmax(out["instance_logits"]["detail"])
        weights, _ = agreement(each, views, LABELS, epoch=1.0)
        return (weights * each).mean(), (logits, out["key_instants"], updated["batch_stats"])

    return jax.value_and_grad(loss, has_aux=True)(variables["params"])


@functools.cache
def _trained(seed):
    _, variables, _ = _small()
    return _jitted_training()(variables, _clips(), jax.random.key(seed))


@functools.cache
def _jitted_training():
    return jax.jit(functools.partial(_train, _small()[0]), compiler_options=QUICK)


def test_every_parameter_receives_gradient():
    (_, (_, _, statistics)), gradients = _trained(0)
    for path, g in jax.tree_util.tree_leaves_with_path(gradients):
        assert np.isfinite(g).all() and np.abs(g).max() > 0, jax.tree_util.keystr(path)
    old = _small()[1]["batch_stats"]
    moved = jax.tree.map(lambda a, b: np.any(np.asarray(a) != b), statistics, jax.device_get(old))
    assert all(jax.tree.leaves(moved))


def test_training_varies_with_its_key_alone():
    (first, aux), _ = _trained(0)
    (again, same), _ = _jitted_training()(_small()[1], _clips(), jax.random.key(0))
    (other, _), _ = _trained(1)
    assert float(first) == float(again) and float(first) != float(other)
    jax.tree.map(np.testing.assert_array_equal, aux, same)


def test_evaluation_is_repeatable_bit_for_bit_whatever_the_key():
    _, variables, apply = _small()
    first = apply(variables, _clips())
    for seed in (0, 7):
        jax.tree.map(np.testing.assert_array_equal, first, apply(variables, _clips(), seed))


def test_a_video_does_not_depend_on_its_place_in_the_batch():
    _, variables, apply = _small()
    whole, turned = apply(variables, _clips()), apply(variables, _clips()[::-1])
    compare = functools.partial(np.testing.assert_allclose, atol=1e-5)
    jax.tree.map(lambda a, b: compare(a, b[::-1]), whole, turned)


def test_key_instants_are_peaks_of_the_predicted_class():
    _, variables, apply = _small()
    _, out = apply(variables, _clips())
    shown = np.arange(16) * 19 // 15
    for i in range(4):
        predicted = int(out["aux_logits"]["synopsis"][i].argmax())
        q = np.asarray(jax.nn.softmax(out["instance_logits"]["synopsis"][i]))[:, predicted]
        assert out["key_instants"][i, 0] == shown[q.argmax()]
        assert len(set(out["key_instants"][i].tolist())) == 4
    assert len({tuple(row) for row in out["key_instants"].tolist()}) > 1


def test_only_synopsis_and_details_are_looked_at():
    """A frame that neither shows changes nothing; one that either shows changes the features."""
    _, variables, apply = _small(num_frames=64)
    clips = _clips(num_frames=64)
    before = apply(variables, clips)
    instants = np.sort(np.searchsorted(np.arange(16) * 63 // 15, before[1]["key_instants"][0]))
    positions = instants[:, None] * 63 / 15 + 2 * (np.arange(4) - 1.5)
    details = set(np.clip(np.ceil(np.round(positions, 6)), 0, 63).astype(int).ravel().tolist())
    synopsis = set((np.arange(16) * 63 // 15).tolist())
    unseen = sorted(set(range(64)) - details - synopsis)
    after = apply(variables, clips.at[0, jnp.array(unseen)].set(0.5))
    jax.tree.map(np.testing.assert_array_equal, before, after)
    detail = min(details - synopsis)
    after = apply(variables, clips.at[0, detail].set(0.5))
    same = jax.tree.map(lambda a, b: bool((a == b).all()), before[1], after[1])
    assert not same["features"] and same["aux_logits"]["synopsis"]


def test_without_resampling_the_details_are_evenly_spaced():
    _, variables, apply = _small(resample=False)
    _, out = apply(variables, _clips())
    assert out["key_instants"].tolist() == [[2, 7, 12, 17]] * 4  # 2, 6, 10, 14 of the synopsis


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (1, 16, 112, 112, 3)}, "clips of 64 frames of 112x112x3"),
        ({"image_size": 40}, "image_size is 40; it must be a multiple of 16"),
        ({"width": 12}, "width is 12; it must be a multiple of 8"),
        ({"hidden": 6}, "hidden is 6; it must be a multiple of 4"),
        ({"key_count": 17}, "key_count is 17"),
        ({"detail_stride": 0}, "detail_stride is 0"),
        ({"detail_depth": 101}, "no ResNet of depth 101"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        _shapes(**options)


def test_bfloat16_is_close_to_float32():
    _, variables, apply = _small()
    half = _small(dtype=jnp.bfloat16)[2]
    # Of the synopsis: a key instant may move to one nearly as strong, and the details with it.
    expected = apply(variables, _clips())[1]["instance_logits"]["synopsis"]
    found = half(variables, _clips())[1]["instance_logits"]["synopsis"]
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert float(jnp.abs(expected).max()) > 0.2
