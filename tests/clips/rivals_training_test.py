"""A network without BatchNorm and one with dropout train, save, resume and are evaluated."""

import clip_dataset
import jax
import numpy as np
import pytest
import tiny

from dfer_jax.clips.train import train
from dfer_jax.runs import checkpoint

pytestmark = pytest.mark.usefixtures("quick_compiler")


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])


@pytest.mark.parametrize(
    ("name", "frames", "fields"), [("vgg11_lstm", 4, {}), ("c3d", 16, {"dropout": 0.5})]
)
def test_trains_and_goes_on(name, frames, fields, tmp_path):
    clip_dataset.build(str(tmp_path / "data"), "truth")
    config = tiny.config(tmp_path / "data")
    config.data.segments = frames
    dtype = config.model.dtype
    config.model = type(config.model)(
        {"name": name, "image_size": 32, "width": 8, "normalisation": "none", "dtype": dtype}
        | fields
    )
    config.loss.ial_weight = 0.0
    config.loss.aux_weights = ()
    run = str(tmp_path / "run")
    weights = []
    for epochs in (1, 2):
        config.train.epochs = epochs
        train(config, run, overrides={"train.epochs": epochs}, with_evaluation=False)
        steps = checkpoint.list_checkpoints(run, best_metric="war")
        weights.append(checkpoint.load_weights(run, steps["last"])[0])
    classifier = "fc8" if name == "c3d" else "fc"
    first, second = (w["params"][classifier]["kernel"] for w in weights)
    assert np.isfinite(second).all()
    assert np.abs(first - second).max() > 0, "the second epoch went on from the first"
