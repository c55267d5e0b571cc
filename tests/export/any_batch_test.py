"""What programs for others need of networks: any batch, and convolutions their converters know."""

import functools

import jax
import jax.numpy as jnp
import pytest
from golden.pretrained import recipe
from jax import export

from dfer_jax.models import create_model
from dfer_jax.ops.convolution_3d import border, convolve_3d
from dfer_jax.ops.cpu import library


@pytest.mark.parametrize("name", ["dfer_clip", "mae_dfer", "svfap_b", "s2d"])
def test_networks_of_vision_transformers_take_any_batch(name):
    arguments = recipe.read(name)["arguments"]
    model = create_model(
        name, **{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()}
    )
    batch = export.symbolic_shape("b")
    shape = (model.num_frames, model.image_size, model.image_size, 3)
    one, any_number = (jax.ShapeDtypeStruct((b, *shape), jnp.float32) for b in (1, *batch))
    variables = jax.eval_shape(functools.partial(model.init, train=False), jax.random.key(0), one)
    with library.left_out():  # as in programs for others
        apply = functools.partial(model.apply, train=False)
        logits, _ = jax.eval_shape(apply, variables, any_number)
    assert logits.shape == (*batch, model.num_classes)


def test_convolutions_over_time_become_those_of_pictures_where_asked():
    maps = jax.ShapeDtypeStruct((2, 4, 8, 8, 3), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, 3, 3, 5), jnp.float32)
    convolve = functools.partial(convolve_3d, stride=(1, 1, 1), padding=border((3, 3, 3)))
    axes = {}
    for in_planes in (False, True):
        with library.left_out(in_planes=in_planes):
            traced = jax.make_jaxpr(lambda x, k: convolve(x, k))(maps, kernel)
        axes[in_planes] = _axes_of_convolutions(traced.jaxpr)
        assert traced.out_avals[0].shape == (2, 4, 8, 8, 5)
    assert axes == {False: {5}, True: {4}}
    assert not library.is_in_planes(), "beyond the block"


def _axes_of_convolutions(jaxpr):
    found = set()
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            found.add(equation.invars[0].aval.ndim)
        for inner in jax.core.jaxprs_in_params(equation.params):
            found |= _axes_of_convolutions(inner)
    return found
