"""Tests of evaluation: what is kept of every clip, and where."""

import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dfer_jax.clips.evaluation import Evaluation, evaluate, make_eval_step, write_evaluation
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.runtime import parallel


class Brightness(nn.Module):
    """Features: mean colour and a number too large for float16; class: the brightest of seven."""

    gated: bool = True

    @nn.compact
    def __call__(self, clips, *, train):
        colour = clips.mean(axis=(1, 2, 3))  # [b, 3]
        logits = self.param("scale", nn.initializers.ones, (1, 1)) * 9 * jnp.tile(colour, 3)[:, :7]
        out = {"features": jnp.concatenate([colour, 1e6 * colour[:, :1]], axis=1)}
        if self.gated:
            out["gates"] = {"layer2": clips.mean(axis=(2, 3))}
        return logits, out


def batches():
    """Three clips in batches of two, the second row of the last one empty."""
    for ids, values in ((["a", "b"], [0, 128]), (["c", ""], [255, 0])):
        clips = np.zeros((2, 4, 16, 16, 3), np.uint8)
        clips[:, :2] = np.array(values, np.uint8)[:, None, None, None, None]
        clips[..., 1] //= 2
        yield {
            "clips": clips,
            "labels": np.array([0, 2], np.int32),
            "mask": np.array([i != "" for i in ids]),
            "clip_id": np.array(ids),
        }


def run(devices, *, gated=True):
    devices = parallel.over(devices)
    model = Brightness(gated=gated)
    variables = model.init(jax.random.key(0), jnp.zeros((1, 4, 16, 16, 3)), train=False)
    step = make_eval_step(model, image_size=16, parallel=devices)
    return evaluate(step, variables, batches(), devices, classes=CLASSES)


@pytest.mark.parametrize("count", [1, 2])
def test_arrays_hold_each_clip_once_in_the_order_of_the_predictions(count):
    result = run(jax.local_devices()[:count])
    assert [p["clip_id"] for p in result.predictions] == ["a", "b", "c"]
    features = result.arrays["features"]
    assert features.dtype == np.float16 and features.shape == (3, 4)
    red = np.array([0, 128 / 255, 1]) / 2  # the last two of four frames are black
    np.testing.assert_allclose(features[:, 0], red, rtol=1e-3)
    np.testing.assert_array_equal(features[:, 3], [0, 65504, 65504])
    np.testing.assert_allclose(result.arrays["gates_layer2"][:, 0], red, rtol=1e-3)


def test_views_are_averaged_and_a_clip_stays_one_row():
    devices = parallel.over(jax.local_devices()[:1])
    model = Brightness()
    variables = model.init(jax.random.key(0), jnp.zeros((1, 4, 16, 16, 3)), train=False)
    several = [
        batch | {"clips": np.stack([batch["clips"], batch["clips"] // 4], axis=1)}
        for batch in batches()
    ]
    alone = [batch | {"clips": batch["clips"] // 4} for batch in batches()]
    found = {}
    for name, rows in {"both": several, "first": list(batches()), "second": alone}.items():
        step = make_eval_step(model, image_size=16, parallel=devices)
        found[name] = evaluate(step, variables, rows, devices, classes=CLASSES)
    shares = {k: np.array([p["probabilities"] for p in v.predictions]) for k, v in found.items()}
    expected = (shares["first"] + shares["second"]) / 2
    np.testing.assert_allclose(shares["both"], expected, atol=2e-6)
    both = found["both"].arrays
    assert both["features"].shape == (3, 4) and both["gates_layer2"].shape == (3, 3)
    first, second = (found[name].arrays["features"][:, :3] for name in ("first", "second"))
    np.testing.assert_allclose(both["features"][:, :3], (first + second) / 2, rtol=2e-3)


def test_arrays_are_written_beside_the_scores_and_read_without_pickle(tmp_path):
    devices = jax.local_devices()[:1]
    result = run(devices)
    path = write_evaluation(str(tmp_path), "test", result, {"split": "test"})
    with open(path) as file:
        clip_ids = [p["clip_id"] for p in json.load(file)["predictions"]]
    with np.load(tmp_path / "eval" / "test.features.npz", allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["clip_id", "features", "gates_layer2"]
        assert arrays["clip_id"].tolist() == clip_ids
        np.testing.assert_array_equal(arrays["features"], result.arrays["features"])
    without = Evaluation(result.classes, result.confusion, result.loss, result.predictions)
    write_evaluation(str(tmp_path), "test", without, {})
    assert os.listdir(tmp_path / "eval") == ["test.json"]


def test_a_model_without_gates_keeps_its_features():
    result = run(jax.local_devices()[:1], gated=False)
    assert list(result.arrays) == ["features"]
    assert {p["prediction"] for p in result.predictions} <= set(CLASSES)


def test_a_split_without_clips_is_an_error():
    devices = parallel.over(jax.local_devices()[:1])
    step = make_eval_step(Brightness(), image_size=16, parallel=devices)
    with pytest.raises(UserError, match="has no clip"):
        evaluate(step, {}, [], devices, classes=CLASSES)
