"""S2D and its landmark network against vectors of the official code, and their published names."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pretrained_case
import pytest
import rivals_case
from golden.pretrained import recipe

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.interop.tensors import by_published_names, load
from dfer_jax.models.vit.mobile_facenet import MobileFaceNet, resize_corner_to_corner
from dfer_jax.models.vit.s2d import S2D

GOLDEN = recipe.read("s2d")
LANDMARK = rivals_case.published("s2d_landmark")


class Guided(S2D):
    """S2D with the vectors' map in place of the landmark network's."""

    num_frames: int = 4

    def _landmark_map(self, pictures):
        found = 2 * recipe.make_noise("landmark", (8, 16, 14, 14))
        found = jnp.asarray(found.reshape(2, 4, 16, 14, 14), jnp.float32)
        return found.transpose(0, 1, 3, 4, 2)[: len(pictures)]


def _of_network(names):
    return sum(math.prod(shape) for name, shape in names.items() if "running_" not in name)


def test_names_shapes_and_number_of_parameters_are_the_published_ones():
    own, expected = rivals_case.own(models.create_model("s2d")), rivals_case.published("s2d")
    assert own == expected | {f"landmark.{name}": shape for name, shape in LANDMARK.items()}
    assert (_of_network(expected), _of_network(LANDMARK)) == (95_055_571, 1_007_248)
    assert _of_network(expected) + 4 * (768 + 1) == 95_058_647, "with 11 classes"


def test_the_network_is_the_official_one_whatever_else_is_in_the_batch(monkeypatch):
    monkeypatch.setitem(models.MODELS, "s2d", Guided)
    pretrained_case.Case("s2d").check()


def test_the_landmark_map_is_the_official_one():
    model, pictures = MobileFaceNet(), recipe.make_clips((1, 1, 3, 224, 224))[0]
    shapes = jax.eval_shape(model.init, jax.random.key(0), pictures)
    tensors = recipe.make_tensors(LANDMARK)
    variables = load(by_published_names(dict(shapes)), tensors, unused=(), what="MobileFaceNet")
    found, points = jax.jit(model.apply, compiler_options=rivals_case.QUICK)(variables, pictures)
    expected = GOLDEN["landmark_network"]
    corner = expected["map_channels_0_to_3_at_row_2_column_7"]
    np.testing.assert_allclose(found[0, 2, 7, :4], corner, rtol=1e-5)
    np.testing.assert_allclose(np.std(found), expected["map_std_population"], rtol=1e-6)
    np.testing.assert_allclose(np.mean(found), expected["map_mean"], atol=1e-5)
    assert points.shape == (1, 136)


def test_pictures_are_sampled_corner_to_corner():
    x = jnp.arange(5.0)[None, :, None, None] + jnp.zeros((1, 5, 5, 1))
    found = resize_corner_to_corner(x, 3)
    np.testing.assert_allclose(found[0, :, :, 0], np.array([[0, 2, 4]] * 3).T)


def test_sides_that_do_not_fit_are_a_sentence():
    clips = jnp.zeros((1, 16, 112, 112, 3))
    with pytest.raises(
        UserError, match="image_size is 112; it must be 14 patches of patch_size=16"
    ):
        S2D(image_size=112).init(jax.random.key(0), clips, train=False)


def test_adapters_prompts_and_head_are_what_is_trained():
    model = S2D()
    names = rivals_case.published("s2d")
    trained = {name for name in names if not name.startswith(tuple(f"{f}." for f in model.frozen))}
    trained -= set(model.frozen)
    assert sum(math.prod(names[name]) for name in trained) == 9_258_451
    words = ("temporal_embedding", "ln_post", "Adapter", "head", "prompt")
    assert trained == {name for name in names if any(word in name for word in words)}
