"""What a network costs: parameters, multiply-accumulates, and seconds for one clip here."""

import dataclasses
import functools
import os
import time
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from dfer_jax.clips import experiment
from dfer_jax.models import create_model, size
from dfer_jax.runs.read_files import read_json
from dfer_jax.runtime.durable_files import write_json

_REPEATS = 7


@dataclasses.dataclass(frozen=True)
class Costs:
    """Of one network with its views of a clip.

    Attributes:
        parameters: trained numbers.
        macs: multiply-accumulates of one clip.
        seconds: for one clip alone, the fastest of some repeats, without reading it.
        device: that it ran on.
    """

    parameters: int
    macs: int
    seconds: float
    device: str


def measured(config: ml_collections.ConfigDict, *, num_classes: int, path: str) -> Costs:
    """Returns the costs of a config's network, from `path` where they are known.

    Args:
        config: of the experiment.
        num_classes: that it tells apart.
        path: JSON file that keeps them.
    """
    views = config.data.test_views
    kwargs = experiment.model_kwargs(config, num_classes=num_classes)
    model = {"name": config.model.name, "kwargs": kwargs, "views": views}
    device = jax.devices()[0].device_kind
    if os.path.exists(path):
        kept = read_json(path)
        if kept.get("model") == model and kept.get("device") == device:
            return Costs(kept["parameters"], kept["macs"], kept["seconds"], device)
    found = _measure(model, config.model.image_size, device)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_json(path, {"model": model, **dataclasses.asdict(found)})
    return found


def _measure(described: dict[str, Any], side: int, device: str) -> Costs:
    kwargs = {k: tuple(v) if isinstance(v, list) else v for k, v in described["kwargs"].items()}
    model = create_model(described["name"], **kwargs)
    shape = (1, kwargs["num_frames"], side, side, 3)
    parameters = sum(size.count_parameters(model, shape).values())
    macs = described["views"] * sum(size.count_macs(model, shape).values())
    clips = jnp.zeros((described["views"], *shape[1:]))
    shapes = jax.eval_shape(
        functools.partial(model.init, train=False), jax.random.key(0), clips[:1]
    )
    variables = jax.tree.map(lambda x: jnp.full(x.shape, 0.01, x.dtype), shapes)
    predict = jax.jit(functools.partial(model.apply, train=False))
    jax.block_until_ready(predict(variables, clips))  # compiled
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(predict(variables, clips))
        seconds.append(time.perf_counter() - start)
    return Costs(parameters, macs, min(seconds), device)
