"""DFER-CLIP against vectors of the official code, and its published names."""

import functools
import math

import dfer_clip_case
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rivals_case
from golden.pretrained import recipe

from dfer_jax.errors import UserError
from dfer_jax.interop import by_name, dfer_clip
from dfer_jax.models import create_model, size


@pytest.fixture(scope="module")
def golden():
    return dfer_clip_case.vectors()


@pytest.fixture(scope="module")
def apply(golden):
    """The compiled network with the weights of the vectors, of clips."""
    model = create_model("dfer_clip", **golden["arguments"])
    tensors, _ = dfer_clip.as_classifier(dfer_clip_case.checkpoint())
    variables = by_name.from_state_dict(tensors, model=model)
    function = functools.partial(model.apply, train=False)
    compiled = jax.jit(function, compiler_options=rivals_case.QUICK)
    return functools.partial(compiled, variables)


def test_texts_frames_clips_and_logits_are_the_official_ones(golden, apply):
    clips = jnp.asarray(recipe.make_clips(golden["input"]))
    logits, out = apply(clips)
    frames = out["frame_features"][0, 0, :8]
    np.testing.assert_allclose(frames, golden["frame_features_0_first8"], atol=1e-5)
    np.testing.assert_allclose(out["features"][:, :8], golden["features_first8"], atol=1e-5)
    np.testing.assert_allclose(logits, golden["logits"], atol=5e-5)
    texts = apply.args[0]["params"]["text_features"]
    np.testing.assert_allclose(texts[:, :8], golden["text_features_first8"], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-6)


def test_a_clip_alone_gives_the_same_as_with_others(golden, apply):
    clips = jnp.asarray(recipe.make_clips(golden["input"]))
    logits, _ = apply(clips)
    among_others, _ = apply(clips.at[1].set(1 - clips[1]))
    np.testing.assert_allclose(among_others[0], logits[0], atol=1e-5)
    assert np.abs(among_others[1] - logits[1]).max() > 1e-3, "it is another"


def test_names_shapes_and_numbers_are_the_published_ones():
    model = create_model("dfer_clip")
    found = rivals_case.own(model)
    del found["text_features"]
    published = rivals_case.published("dfer_clip")
    towers = ("image_encoder.", "temporal_net.")
    assert found == {n: shape for n, shape in published.items() if n.startswith(towers)}
    assert sum(map(math.prod, found.values())) == 89_959_680
    macs = size.count_macs(model, (1, 16, 224, 224, 3))
    assert sum(macs.values()) == pytest.approx(70.58e9, abs=5e6)


def test_sides_and_widths_that_do_not_fit_are_a_sentence():
    model = create_model("dfer_clip", image_size=100, width=64, depth=1)
    with pytest.raises(UserError, match=r"\(100, 100\) into patches of \(32, 32\)"):
        jax.eval_shape(
            functools.partial(model.init, train=False),
            jax.random.key(0),
            jax.ShapeDtypeStruct((1, 16, 100, 100, 3), jnp.float32),
        )
