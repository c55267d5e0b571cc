"""The per-frame models against an independent PyTorch statement of them, from the same weights.

`tests/golden/make_frames_golden.py` made the expected values with PyTorch float32. The weights go
from one tree to the other by name, here for the temporal models, which have no released weights.
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import frames_recipe as recipe

from dfer_jax.frames import losses as frame_losses
from dfer_jax.interop import resnet50_ft
from dfer_jax.models.cnn_gru import CNNGRU
from dfer_jax.models.cnn_transformer import CNNTransformer
from dfer_jax.models.resnet50 import ResNet50

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
NOT_STORED = np.float32(1e30)  # in the place of a gradient the golden has only the norm of


def _dense(arrays, name):
    return {"kernel": arrays[f"{name}.weight"].T, "bias": arrays[f"{name}.bias"]}


def _norm(arrays, name):
    return {"scale": arrays[f"{name}.weight"], "bias": arrays[f"{name}.bias"]}


def _gru(arrays, layer):
    def both(name, transpose=False):
        ways = [arrays[f"gru.{name}_l{layer}{way}"] for way in ("", "_reverse")]
        return np.stack([way.T if transpose else way for way in ways])

    return {
        "input_kernel": both("weight_ih", transpose=True),
        "input_bias": both("bias_ih"),
        "hidden_kernel": both("weight_hh", transpose=True),
        "hidden_bias": both("bias_hh"),
    }


def _gru_tree(arrays, num_layers):
    ends = {name: _dense(arrays, name) for name in ("projection", "classifier")}
    return ends | {f"gru{i}": _gru(arrays, i) for i in range(num_layers)}


def _transformer_tree(arrays):
    tree = {name: _dense(arrays, name) for name in ("projection", "classifier")}
    tree["norm"] = _norm(arrays, "norm")
    for i in range(2):
        at = f"blocks.{i}"
        tree[f"block{i}"] = {
            "norm1": _norm(arrays, f"{at}.norm1"),
            "qkv": {
                "kernel": arrays[f"{at}.self_attn.in_proj_weight"].T,
                "bias": arrays[f"{at}.self_attn.in_proj_bias"],
            },
            "attention_out": _dense(arrays, f"{at}.self_attn.out_proj"),
            "norm2": _norm(arrays, f"{at}.norm2"),
            "mlp_in": _dense(arrays, f"{at}.linear1"),
            "mlp_out": _dense(arrays, f"{at}.linear2"),
        }
    return tree


class Case:
    """One golden file with the model, weights and inputs it belongs to."""

    def __init__(self, file, model, to_tree, x, labels):
        self.golden = dict(np.load(GOLDEN / file))
        shapes = {
            str(name): tuple(int(n) for n in shape.split())
            for name, shape in zip(self.golden["names"], self.golden["shapes"], strict=True)
        }
        self.model, self.to_tree = model, to_tree
        self.arrays = recipe.make_state_dict(shapes)
        self.variables = jax.tree.map(jnp.asarray, to_tree(self.arrays))
        self.x, self.labels = jnp.asarray(x), jnp.asarray(labels)

    @functools.cached_property
    def apply(self):
        return jax.jit(functools.partial(self.model.apply, train=False))

    def evaluate(self, x):
        return self.apply(self.variables, x)  # which constants would take long to compile

    def loss(self, params):
        (logits, _), updated = self.model.apply(
            {**self.variables, "params": params}, self.x, train=True, mutable=["batch_stats"]
        )
        mask = self.labels >= 0
        losses = frame_losses.cross_entropy(logits, self.labels, mask)
        return losses.sum() / mask.sum(dtype=jnp.float32), updated

    @functools.cached_property
    def trained(self):
        """(loss, updated statistics), gradients."""
        return jax.jit(jax.value_and_grad(self.loss, has_aux=True))(self.variables["params"])

    def check_evaluation(self, x=None, prefix="eval"):
        logits, out = self.evaluate(self.x if x is None else jnp.asarray(x))
        for name, value in {"logits": logits, "features": out["features"]}.items():
            expected = self.golden[f"{prefix}/{name}"].reshape(value.shape)
            np.testing.assert_allclose(value, expected, atol=1e-4, err_msg=name)

    def check_gradients(self):
        """All norms, and the smaller gradients whole."""
        (loss, _), gradients = self.trained
        np.testing.assert_allclose(loss, self.golden["train/loss"], rtol=1e-5)
        names = [str(name) for name in self.golden["gradient_names"]]
        norms = {
            name: np.full(self.arrays[name].shape, norm, np.float32)
            for name, norm in zip(names, self.golden["gradient_norms"], strict=True)
        }
        whole = {
            name: self.golden.get(f"gradient/{name}", np.full(self.arrays[name].shape, NOT_STORED))
            for name in names
        }
        norms, whole = (self.to_tree({**self.arrays, **x})["params"] for x in (norms, whole))
        compared = jax.tree.map(self._compare, gradients, norms, whole)
        assert sum(jax.tree.leaves(compared)) > 0.4 * len(jax.tree.leaves(compared))

    @staticmethod
    def _compare(ours, norm, whole):
        """Returns whether the gradient was compared whole; both directions have their own norm."""
        ours, norm = np.asarray(ours), np.asarray(norm)
        expected = np.sqrt(np.square(np.unique(norm)).sum()) if norm.ndim else norm
        np.testing.assert_allclose(np.linalg.norm(ours), expected, rtol=1e-3, atol=1e-6)
        if (whole == NOT_STORED).any():
            return 0
        np.testing.assert_allclose(ours, whole, atol=1e-5 + 1e-4 * np.abs(whole).max())
        return 1


def _resnet(file, **options):
    model = ResNet50(**options)
    to_tree = functools.partial(resnet50_ft.from_state_dict, model=model, classifier=True)
    size = recipe.IMAGE_SIZES["odd" if options else "even"]
    return Case(file, model, to_tree, recipe.make_frames(image_size=size), np.array([[3, 5]]))


@functools.cache
def _tiny(se):
    file = "se_resnet50_tiny.npz" if se else "resnet50_tiny.npz"
    return _resnet(file, **recipe.TINY, squeeze_excite=se)


@functools.cache
def _temporal(name):
    model, to_tree = {
        "cnn_gru": (CNNGRU(), functools.partial(_gru_tree, num_layers=2)),
        "cnn_gru_one_layer": (CNNGRU(num_layers=1), functools.partial(_gru_tree, num_layers=1)),
        "cnn_transformer": (CNNTransformer(dropout=0.0), _transformer_tree),
    }[name]
    features = recipe.make_features(2048)
    return Case(
        f"{name}.npz", model, lambda arrays: {"params": to_tree(arrays)}, features, recipe.LABELS
    )


TEMPORAL = ("cnn_gru", "cnn_gru_one_layer", "cnn_transformer")


@pytest.mark.soak(reason="the whole network; a narrow one holds the same below")
def test_resnet50():
    _resnet("resnet50.npz").check_evaluation()


@pytest.mark.parametrize("se", [False, True])
def test_narrow_resnet_with_maps_of_even_and_odd_size(se):
    case = _tiny(se)
    case.check_evaluation(prefix="odd")
    case.check_evaluation(recipe.make_frames(image_size=recipe.IMAGE_SIZES["even"]))


@pytest.mark.parametrize("se", [False, True])
def test_gradients_of_the_narrow_resnet(se):
    _tiny(se).check_gradients()


def test_running_means_of_the_narrow_resnet():
    case = _tiny(False)
    running = {
        name.removeprefix("running/"): value
        for name, value in case.golden.items()
        if name.startswith("running/") and name.endswith("mean")
    }
    expected = case.to_tree({**case.arrays, **running})["batch_stats"]["backbone"]
    found = case.trained[0][1]["batch_stats"]["backbone"]
    for path, value in jax.tree_util.tree_leaves_with_path(expected):
        keys = [entry.key for entry in path]
        if keys[-1] == "mean":
            ours = functools.reduce(dict.__getitem__, keys, found)
            np.testing.assert_allclose(ours, value, rtol=1e-4, atol=1e-5, err_msg=str(keys))


@pytest.mark.parametrize("name", TEMPORAL)
def test_temporal_model(name):
    _temporal(name).check_evaluation()


@pytest.mark.parametrize("name", TEMPORAL)
def test_gradients_of_the_temporal_model(name):
    _temporal(name).check_gradients()
