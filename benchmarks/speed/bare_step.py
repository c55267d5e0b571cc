"""The training step of an experiment on one batch that stays on the device: no data, no logging."""

import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from benchmarks.peak_memory import peak_bytes
from configs import synthetic
from dfer_jax.clips import experiment, targets
from dfer_jax.labels import CLASSES
from dfer_jax.runtime import parallel
from dfer_jax.training import network, optim
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.step import Objective, make_init, make_train_step

_STEPS_PER_EPOCH = 100  # of the learning rate's schedule


class BareStep:
    """The step that the loop runs, compiled for configs/synthetic.py with other fields.

    Args:
        fields: of the config and their values, as {"train.batch_size": 8}.
        steps: that one measurement takes.
    """

    def __init__(self, fields: Mapping[str, Any], steps: int) -> None:
        config = synthetic.get_config()
        config.update_from_flattened_dict(fields)
        self._steps, self._parallel = steps, parallel.over(jax.local_devices())
        experiment.check(config, self._parallel)
        init, step = _functions(config, self._parallel)
        # Runs once; unoptimised it compiles several times faster.
        init = jax.jit(init, compiler_options={"xla_backend_optimization_level": 0})
        self._state = self._parallel.replicate(init())
        self._batch = self._parallel.put(_batch(config))
        start = time.perf_counter()
        lowered = step.lower(self._state, self._batch)
        traced = time.perf_counter()
        self._step = lowered.compile()
        self.figures = {
            "trace_s": traced - start,
            "compile_s": time.perf_counter() - traced,
            **_program_bytes(self._step),
        }
        self.measure()  # the first steps are not like the others

    def measure(self) -> list[float]:
        """Returns the seconds of a step, one in flight while the next is sent, as in the loop."""
        start, before = time.perf_counter(), None
        for _ in range(self._steps):
            self._state, metrics = self._step(self._state, self._batch)
            if before is not None:
                before["loss"].block_until_ready()
            before = metrics
        jax.block_until_ready((self._state, metrics))
        return [(time.perf_counter() - start) / self._steps]

    def facts(self) -> dict[str, float]:
        """Returns seconds to trace and compile, bytes of the program, and of this process."""
        return self.figures | {"process_bytes": peak_bytes()}


def _functions(config: ConfigDict, devices: parallel.Parallel) -> tuple[Any, Any]:
    """Returns what makes the initial state, and the compiled step."""
    model = network.create_model(
        config.model.name,
        experiment.model_kwargs(config, num_classes=len(CLASSES)),
        dtype=config.model.dtype,
        parallel=devices,
    )
    schedule = optim.make_schedule(
        config.optim.schedule,
        learning_rate=config.optim.learning_rate,
        steps_per_epoch=_STEPS_PER_EPOCH,
        decay_rate=config.optim.decay_rate,
        decay_epochs=config.optim.decay_epochs,
        kwargs={},
    )
    optimizer = optim.make_optimizer(
        schedule, momentum=config.optim.momentum, weight_decay=config.optim.weight_decay
    )
    loss = {k: v for k, v in config.loss.items() if not k.startswith("centre_")} | {
        "groups": targets.groups(config, CLASSES),
        "aux_weights": experiment.aux_weights(config),
        "instance_weights": experiment.instance_weights(config),
    }
    size, frames = config.model.image_size, experiment.num_frames(config)
    step = make_train_step(
        model,
        optimizer,
        objective=Objective(**loss, steps_per_epoch=_STEPS_PER_EPOCH),
        augmentation=Augmentation(image_size=size, **config.augment.to_dict()),
        seed=config.seed,
        parallel=devices,
    )
    shape = (frames, size, size, 3)
    return make_init(model, optimizer, seed=config.seed, clip_shape=shape), step


def _batch(config: ConfigDict) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    count, side = config.train.batch_size, config.data.decode_size
    shape = (count, experiment.num_frames(config), side, side, 3)
    return {
        "clips": rng.integers(0, 256, shape, np.uint8),
        "labels": rng.integers(0, len(CLASSES), count).astype(np.int32),
        "mask": np.ones(count, bool),
    }


def _program_bytes(compiled: Any) -> dict[str, float]:
    """Returns what the compiler says the program needs on one device; nothing if it does not."""
    analysis = compiled.memory_analysis()
    if analysis is None:
        return {}
    held = analysis.argument_size_in_bytes + analysis.output_size_in_bytes
    return {
        "state_and_batch_bytes": held - analysis.alias_size_in_bytes,
        "working_bytes": analysis.temp_size_in_bytes,
    }
