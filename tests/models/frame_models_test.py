"""Structure and invariances of the models that classify every frame."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import random_variables
from recorded_convolutions import recorded_convolutions

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.models import cnn_gru, cnn_transformer, resnet50
from dfer_jax.models.cnn_gru import CNNGRU
from dfer_jax.models.cnn_transformer import CNNTransformer, sinusoid
from dfer_jax.models.normalisation import NORMALISATIONS, normalise
from dfer_jax.models.resnet50 import ResNet50, with_backbone

SHALLOW = {"width": 4, "stage_sizes": (1, 1, 1, 1)}
SMALL = {
    "resnet50": ResNet50(**SHALLOW),
    "cnn_gru": CNNGRU(**SHALLOW, token_width=12, hidden=5),
    "cnn_transformer": CNNTransformer(**SHALLOW, token_width=12, num_heads=3),
}
TEMPORAL = ("cnn_gru", "cnn_transformer")
FEATURES = jax.random.uniform(jax.random.key(1), (2, 9, 128))
each_model = pytest.mark.parametrize("name", SMALL)
each_temporal = pytest.mark.parametrize("name", TEMPORAL)

# The spec's 1.57 M projection, 2.66 M bi-GRU, 14.2 M encoder and 5.4 k head, exactly.
PROJECTION, GRU, ENCODER, HEAD = 1_573_632, 2_658_816, 14_177_280, 5_383
COUNTS = [
    ("cnn_gru", {}, PROJECTION + 2 * GRU + HEAD),
    ("cnn_gru", cnn_gru.ABAW2021_CODE, PROJECTION + GRU + HEAD),
    ("cnn_transformer", {}, PROJECTION + ENCODER + HEAD),
    ("cnn_transformer", cnn_transformer.ABAW2021_CODE, PROJECTION + ENCODER + HEAD),
]
RESNET = 23_508_032  # torchvision's ResNet-50, 25,557,032, without its 1000-way classifier
SE_RESNET = 26_039_024  # SE-ResNet-50, 28,088,024, likewise
RESNET_COUNTS = [
    ({"num_classes": 8631}, RESNET + 17_684_919),
    ({}, RESNET + 14_343),
    (resnet50.ABAW2021_CODE, RESNET + 14_343),
    (resnet50.ABAW2021_CODE_AU, RESNET + 24_588),
    ({"squeeze_excite": True}, SE_RESNET + 14_343),
]


def _shapes(model, shape):
    init = functools.partial(model.init, train=False)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))


def _size(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


@functools.cache
def _initialised(name, *, frames=False):
    x = jnp.zeros((1, 2, 32, 32, 3)) if frames else FEATURES
    return random_variables.random_variables(SMALL[name], x)


@functools.cache
def _apply(name):
    return jax.jit(functools.partial(SMALL[name].apply, train=False))


def _logits(name, x, variables=None):
    return np.asarray(_apply(name)(variables or _initialised(name), x)[0])


@pytest.mark.parametrize(("name", "options", "count"), COUNTS)
def test_parameters_of_the_temporal_models(name, options, count):
    model = models.create_model(name, **options)
    variables = _shapes(model, (1, 9, 2048))
    assert set(variables) == {"params"} and _size(variables) == count
    with_frames = _shapes(model, (1, 9, 224, 224, 3))
    assert _size(with_frames["params"]) == count + RESNET
    assert model.frozen == ("backbone",)


@pytest.mark.parametrize(("options", "count"), RESNET_COUNTS)
def test_parameters_of_resnet50(options, count):
    model = models.create_model("resnet50", **options)
    variables = _shapes(model, (1, 1, 112, 112, 3))
    assert set(variables) == {"params", "batch_stats"}
    assert _size(variables["params"]) == count
    assert _size(variables["batch_stats"]) == 2 * 26_560
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))
    assert model.frozen == ()


def test_strides_and_shortcuts_are_those_of_the_first_version(monkeypatch):
    """Every convolution at 224: kernel, stride, shape of the result."""
    found = recorded_convolutions(monkeypatch, ResNet50(), (1, 1, 224, 224, 3))
    expected = [(7, 2, (1, 112, 112, 64))]
    for stage, (blocks, side) in enumerate(zip((3, 4, 6, 3), (56, 28, 14, 7), strict=True)):
        width = 64 << stage
        inner, outer = (1, side, side, width), (1, side, side, 4 * width)
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            expected += [(1, stride, inner), (3, 1, inner), (1, 1, outer)]
            if not block:
                expected.append((1, stride, outer))  # the shortcut
    assert found == expected


@pytest.mark.parametrize("size", [32, 33, 37, 56, 58])
def test_max_pool_is_without_padding_in_ceil_mode(size):
    x = np.asarray(jax.random.normal(jax.random.key(0), (1, size, size, 2)))
    starts = range(0, size - 1, 2) if size % 2 == 0 else range(0, size - 2, 2)
    expected = [[x[0, i : i + 3, j : j + 3].max(axis=(0, 1)) for j in starts] for i in starts]
    np.testing.assert_array_equal(resnet50.ceil_max_pool(jnp.asarray(x))[0], np.array(expected))


@each_model
@pytest.mark.parametrize("num_classes", [7, 8, 12])
def test_shapes_of_the_outputs(name, num_classes):
    model = SMALL[name].clone(num_classes=num_classes)
    x = jax.ShapeDtypeStruct((2, 3, 40, 56, 3), jnp.float32)
    run = functools.partial(model.init_with_output, train=False)
    (logits, out), _ = jax.eval_shape(run, jax.random.key(0), x)
    assert logits.shape == (2, 3, num_classes) and logits.dtype == jnp.float32
    assert out["aux_logits"] == {}
    width = {"resnet50": 128, "cnn_gru": 10, "cnn_transformer": 12}[name]
    assert out["features"].shape == (2, 3, width)


@each_temporal
def test_frames_give_what_their_cached_features_give(name):
    frames = jax.random.uniform(jax.random.key(2), (2, 9, 32, 32, 3))
    static = _initialised("resnet50", frames=True)
    kept = _apply("resnet50")(static, frames)[1]["features"]
    cached = _logits(name, kept)
    joined = with_backbone(_initialised(name), static)
    logits, out = _apply(name)(joined, frames)
    np.testing.assert_allclose(out["frame_features"], kept, rtol=1e-6)
    np.testing.assert_allclose(logits, cached, atol=1e-5)
    assert jax.tree.structure(joined) == jax.tree.structure(_initialised(name, frames=True))


def test_classifier_of_the_static_model_takes_cached_features_too():
    frames = jax.random.uniform(jax.random.key(2), (1, 2, 32, 32, 3))
    variables = _initialised("resnet50", frames=True)
    logits, out = _apply("resnet50")(variables, frames)
    np.testing.assert_allclose(_logits("resnet50", out["features"], variables), logits, atol=1e-6)


@each_temporal
def test_backbone_is_frozen(name):
    model, frames = SMALL[name], jax.random.uniform(jax.random.key(3), (1, 4, 32, 32, 3))
    variables = _initialised(name, frames=True)

    def loss(params):
        (logits, _), updated = model.apply(
            {**variables, "params": params},
            frames,
            train=True,
            rngs={"dropout": jax.random.key(0)},
            mutable=["batch_stats"],
        )
        return (logits**2).sum(), updated["batch_stats"]

    gradients, statistics = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
    jax.tree.map(np.testing.assert_array_equal, statistics, variables["batch_stats"])
    zero = jax.tree.map(lambda g: bool((np.asarray(g) == 0).all()), gradients)
    assert all(jax.tree.leaves(zero.pop("backbone")))
    assert not any(jax.tree.leaves(zero))


def test_static_model_trains_all_layers():
    variables = _initialised("resnet50", frames=True)
    frames = jax.random.uniform(jax.random.key(3), (2, 4, 64, 64, 3))

    def loss(params):
        (logits, _), updated = SMALL["resnet50"].apply(
            {**variables, "params": params}, frames, train=True, mutable=["batch_stats"]
        )
        return (logits**2).sum(), updated["batch_stats"]

    gradients, statistics = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
    gradients = map(np.asarray, jax.tree.leaves(gradients))
    assert all(np.isfinite(g).all() and (g != 0).any() for g in gradients)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), statistics, variables["batch_stats"])
    assert all(jax.tree.leaves(moved))


@each_temporal
def test_a_window_does_not_depend_on_its_place_in_the_batch(name):
    whole = _logits(name, FEATURES)
    np.testing.assert_allclose(_logits(name, FEATURES[::-1])[::-1], whole, atol=1e-6)
    repeated = _logits(name, jnp.repeat(FEATURES[:1], 2, axis=0))
    np.testing.assert_array_equal(repeated[0], repeated[1])
    np.testing.assert_allclose(repeated[0], whole[0], atol=1e-6)


@each_temporal
def test_the_order_of_the_frames_matters(name):
    forward, reverse = _logits(name, FEATURES), _logits(name, FEATURES[:, ::-1])[:, ::-1]
    assert np.abs(forward - reverse).max() > 1e-3
    middle = np.abs(forward - reverse)[:, 4]  # the frame that is evaluated keeps its place
    assert middle.max() > 1e-4


def test_static_model_sees_one_frame_at_a_time():
    logits = _logits("resnet50", FEATURES)
    np.testing.assert_array_equal(_logits("resnet50", FEATURES[:, ::-1])[:, ::-1], logits)


@each_temporal
@pytest.mark.parametrize("length", [1, 5, 32])
def test_windows_of_any_length(name, length):
    x = jnp.ones((1, length, 128))
    assert np.isfinite(_logits(name, x)).all() and _logits(name, x).shape == (1, length, 7)


def test_positions_by_formula():
    table = sinusoid(9, 768)
    assert table.shape == (9, 768) and table.dtype == np.float32
    for t, column in ((0, 0), (0, 1), (3, 0), (8, 1), (5, 300), (7, 767)):
        k = column // 2
        angle = t * 10000 ** (-2 * k / 768)
        expected = np.cos(angle) if column % 2 else np.sin(angle)
        np.testing.assert_allclose(table[t, column], expected, atol=1e-7)


def test_dropout_acts_in_training_only():
    model, variables = SMALL["cnn_transformer"], _initialised("cnn_transformer")

    @jax.jit
    def train(key):
        return model.apply(variables, FEATURES, train=True, rngs={"dropout": key})[0]

    first, again, other = (train(jax.random.key(i)) for i in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    still = jax.jit(functools.partial(model.clone(dropout=0.0).apply, train=True))
    still = still(variables, FEATURES)[0]
    np.testing.assert_allclose(still, _logits("cnn_transformer", FEATURES), atol=1e-6)


@each_temporal
def test_bfloat16_is_close_to_float32(name):
    model = SMALL[name].clone(dtype=jnp.bfloat16)
    half = jax.jit(functools.partial(model.apply, train=False))(_initialised(name), FEATURES)[0]
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, _logits(name, FEATURES), atol=0.03)


def test_normalisation_presets():
    white, black = jnp.ones((1, 2, 2, 3)), jnp.zeros((1, 2, 2, 3))
    face = normalise(black, preset="vggface2_rgb")[0, 0, 0]
    np.testing.assert_allclose(face, [-131.0912, -103.8827, -91.4953], rtol=1e-6)
    face = normalise(white, preset="vggface2_rgb")[0, 0, 0]
    np.testing.assert_allclose(face, [123.9088, 151.1173, 163.5047], rtol=1e-6)
    net = normalise(white, preset="imagenet")[0, 0, 0]
    np.testing.assert_allclose(net, [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], rtol=1e-6)
    code = normalise(white, preset="abaw2021_code")[0, 0, 0]
    np.testing.assert_allclose(code, [0.4929 / 0.2675, 0.5133 / 0.2565, 0.5592 / 0.2761], rtol=1e-5)
    with pytest.raises(
        UserError, match=r"'caffe' is unknown; choose from vggface2_rgb, none, imagenet"
    ):
        normalise(white, preset="caffe")


def test_normalisation_is_inside_the_model():
    frames = jax.random.uniform(jax.random.key(4), (1, 1, 32, 32, 3))
    variables = _initialised("resnet50", frames=True)
    networks = (SMALL["resnet50"].clone(normalisation=preset) for preset in NORMALISATIONS)
    features = [
        jax.jit(functools.partial(network.apply, train=False))(variables, frames)[1]
        for network in networks
    ]
    first, *others = (np.asarray(x["features"]) for x in features)
    assert all(np.abs(first - other).max() > 1e-3 for other in others)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        ("resnet50", (1, 1, 24, 32, 3), "at least 32x32, not 24x32"),
        ("cnn_gru", (1, 9, 2048), "features of width 128, not 2048"),
        ("cnn_transformer", (1, 1, 31, 31, 3), "at least 32x32"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(model, shape, message):
    with pytest.raises(UserError, match=message):
        _shapes(SMALL[model], shape)


def test_impossible_heads_are_refused():
    with pytest.raises(UserError, match=r"multiple of 2 \* num_heads = 10"):
        _shapes(CNNTransformer(num_heads=5, token_width=12), (1, 9, 2048))
    known = r"choose from c3d, cnn_gru, cnn_transformer, .*, gca_ial, .*, rdfer, .*, resnet50"
    with pytest.raises(UserError, match=known):
        models.create_model("lstm")
