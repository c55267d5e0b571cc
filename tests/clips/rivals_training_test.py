"""A network without BatchNorm and one with dropout train with losses on features and go on."""

import clip_dataset
import jax
import numpy as np
import pytest
import tiny

from dfer_jax.clips.train import train
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])


@pytest.mark.parametrize(
    ("name", "frames", "fields"),
    [
        ("vgg11_lstm", 4, {}),
        pytest.param(
            *("c3d", 16, {"dropout": 0.5}),
            marks=pytest.mark.soak(reason="a larger network trains and goes on as the other"),
        ),
    ],
)
def test_trains_and_goes_on(name, frames, fields, tmp_path, monkeypatch):
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
    config.loss.ecstfl_weight = 10.0
    config.loss.centre_weight = 1e-2
    config.loss.compact_weight = 0.1
    run = str(tmp_path / "run")
    with monkeypatch.context() as patch, pytest.raises(UserError, match="stopped at step 1"):
        tiny.stop_after(patch, 1)
        train(config, run, overrides={}, with_evaluation=False)
    first = _classifier(run)
    train(config, run, overrides={}, with_evaluation=False)
    last = _classifier(run)
    assert np.isfinite(last).all()
    assert np.abs(first - last).max() > 0, "it went on from the first step"


def _classifier(run):
    """The weights of the last layer in the last checkpoint."""
    step = checkpoint.list_checkpoints(run, best_metric="war")["last"]
    params = checkpoint.load_weights(run, step)[0]["params"]
    return next(params[name]["kernel"] for name in ("fc", "fc8") if name in params)
