"""Our network at work, for the speed comparisons: the real step, optimiser and losses."""

import functools
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import flax
import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Int, PyTree

from benchmarks.peak_memory import peak_bytes
from benchmarks.speed import device_peak
from benchmarks.speed.network_work import (
    LEARNING_RATE,
    MOMENTUM,
    WEIGHT_DECAY,
    Work,
    call_seconds,
    seconds_per_step,
)
from dfer_jax.clips.evaluation import make_eval_step
from dfer_jax.interop import by_name, gca_ial
from dfer_jax.models import MODELS
from dfer_jax.models.rdfer import RDFER
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime import parallel
from dfer_jax.training import optim
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.augment.crops import resize_clips
from dfer_jax.training.step import Objective, make_train_step

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # where the goldens are
from golden import rdfer_names

_STEPS_PER_EPOCH = 234  # 9,357 clips of four DFEW folds by 40
_RELEASED_LOSS = {"ial_weight": 0.1, "aux_weights": {"layer2": 0.05, "layer3": 0.0}}


class Scaling(Augmentation):
    """Uint8 to [0, 1], nothing else: augmentation is no part of the comparison."""

    def __call__(self, keys: Array, clips: Array) -> Array:
        """Returns float32 clips in [0, 1]; the keys are not used."""
        return resize_clips(clips, image_size=self.image_size)


class _StillRDFER(RDFER):
    """Sees the same frames at every step: chance is no part of the comparison."""

    def _synopsis_frames(self, num_clips: int, *, train: bool) -> Int[Array, "b 16"]:
        return super()._synopsis_frames(num_clips, train=False)


def _read_rdfer(state_dict: Mapping[str, np.ndarray], *, model: RDFER) -> dict[str, PyTree]:
    """Returns the variables for a state dict of the statement in PyTorch."""
    clips = jnp.zeros((1, model.num_frames, model.image_size, model.image_size, 3))
    init = functools.partial(model.init, train=False)
    shapes = jax.eval_shape(init, jax.random.key(0), clips)
    return rdfer_names.make_variables(dict(shapes), lambda name, _: state_dict[name])


_READERS = {"gca_ial": gca_ial.from_state_dict, "rdfer": _read_rdfer}
"""What reads weights by others than our own names."""


def read_variables(network: str, weights: str, *, model: nn.Module) -> dict[str, PyTree]:
    """Returns the variables of a model for the file that PyTorch's statement of it wrote."""
    with np.load(weights, allow_pickle=False) as file:
        return _READERS.get(network, by_name.from_state_dict)(dict(file), model=model)


def _cross_entropy(kind: type[nn.Module]) -> dict[str, float | dict[str, float]]:
    """Returns the weights with which only that of the logits counts."""
    outputs = {"aux_weights": "aux_stages", "instance_weights": "instances"}
    unused = {key: dict.fromkeys(getattr(kind, name, ()), 0.0) for key, name in outputs.items()}
    return {"ial_weight": 0.0, **unused}


class Network:
    """Our side of a comparison; lives in a process of its own."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._parallel = parallel.over(jax.devices()[:1])
        released = work.network == "gca_ial"
        options = work.model_options() if released else {}
        kind = _StillRDFER if work.network == "rdfer" else MODELS[work.network]
        drops = [name for name in ("dropout", "drop_path") if hasattr(kind, name)]
        options |= dict.fromkeys(drops, 0.0)  # chance is no part of the comparison
        self._model = kind(**options, dtype=jnp.dtype(work.dtype))
        self._loss = _RELEASED_LOSS if released else _cross_entropy(kind)
        variables = read_variables(work.network, work.weights, model=self._model)
        self._variables = self._parallel.replicate(variables)
        self._parameters = sum(x.size for x in jax.tree.leaves(variables["params"]))
        self._last = self._run = self._step = None

    def about(self) -> dict[str, Any]:
        """Returns device, versions and the number of parameters."""
        return {
            "backend": jax.default_backend(),
            "device": jax.devices()[0].device_kind,
            "python": platform.python_version(),
            "jax": jax.__version__,
            "jaxlib": jaxlib.__version__,
            "flax": flax.__version__,
            "parameters": self._parameters,
        }

    def logits(self) -> np.ndarray:
        """Returns logits of the check clips, float32 to the last bit the device has."""
        model = self._model.clone(dtype=jnp.float32)
        clips = resize_clips(
            jnp.asarray(self._work.check_clips()), image_size=self._work.image_size
        )
        with jax.default_matmul_precision("highest"):
            apply = jax.jit(lambda variables, clips: model.apply(variables, clips, train=False)[0])
            return np.asarray(apply(self._variables, clips))

    def probabilities(self) -> np.ndarray:
        """Returns those of the last evaluation step."""
        return np.asarray(self._last[1]["probabilities"])

    def prepare(self) -> dict[str, Any]:
        """Compiles and runs; returns the seconds, FLOPs per clip and the first two losses."""
        function, arguments = getattr(self, f"_{self._work.task}")()
        flops = _flops(function, arguments)
        start = time.perf_counter()
        self._run = function.lower(*arguments).compile()
        compiled = time.perf_counter()
        self._step = self._stepper(arguments)
        self._step()
        self._wait()
        first = time.perf_counter()
        losses = []
        if self._work.task == "train":
            losses.append(float(self._last["loss"]))
            self._step()
            losses.append(float(self._last["loss"]))
        return {
            "compile_s": compiled - start,
            "first_call_s": first - start,
            "flops_per_clip": flops / self._work.batch,
            "losses": losses,
            "temporary_bytes": self._run.memory_analysis().temp_size_in_bytes,
        }

    def measure(self) -> list[float]:
        """Returns seconds per step of about a second's steps, or of each call (`latency`)."""
        if self._work.task == "latency":
            return call_seconds(self._step, calls=self._work.calls)
        return [seconds_per_step(self._step, self._wait, shortest_s=self._work.shortest_s)]

    def peak_bytes(self) -> int:
        """Returns the most memory held so far: of the GPU, or of this process."""
        if self._work.device == "gpu":
            return jax.devices()[0].memory_stats()["peak_bytes_in_use"]
        return peak_bytes()

    def device_peak(self) -> dict[str, float]:
        """Returns what JAX reaches at best on this device."""
        return device_peak.by_jax(self._work.device, self._work.dtype)

    def _batch(self) -> dict[str, Array]:
        clips, labels = self._work.arrays()
        mask = np.ones(len(labels), bool)
        return self._parallel.put({"clips": clips, "labels": labels, "mask": mask})

    def _train(self) -> tuple[Callable, tuple]:
        schedule = optim.make_schedule(
            "staircase",
            learning_rate=LEARNING_RATE,
            steps_per_epoch=_STEPS_PER_EPOCH,
            decay_rate=0.5,
            decay_epochs=7.0,
        )
        optimizer = optim.make_optimizer(schedule, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
        step = make_train_step(
            self._model,
            optimizer,
            objective=Objective(
                **self._loss,
                gap_weight=0.0,
                gap_form="positive",
                gap_eps=0.02,
                gap_log_base="e",
                gap_decay_amplitude=1.0,
                gap_decay_rate=0.0,
                steps_per_epoch=_STEPS_PER_EPOCH,
            ),
            augmentation=Scaling(self._work.image_size, (1.0, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0),
            seed=0,
            parallel=self._parallel,
        )
        state = TrainState(
            step=jnp.zeros((), jnp.int32),
            params=self._variables["params"],
            batch_stats=self._variables["batch_stats"],
            opt_state=optimizer.init(self._variables["params"]),
        )
        return step, (self._parallel.replicate(state), self._batch())

    def _eval(self) -> tuple[Callable, tuple]:
        size = self._work.image_size
        step = make_eval_step(self._model, image_size=size, parallel=self._parallel)
        return step, (self._variables, self._batch())

    def _latency(self) -> tuple[Callable, tuple]:
        def predict(variables: PyTree, clips: Array) -> Array:
            clips = resize_clips(clips, image_size=self._work.image_size)
            return jax.nn.softmax(self._model.apply(variables, clips, train=False)[0])

        return jax.jit(predict), (self._variables, self._batch()["clips"])

    def _stepper(self, arguments: tuple) -> Callable[[], None]:
        """Returns what does one step: the training state goes from each to the next."""
        first, second = arguments
        if self._work.task == "latency":
            clips = self._work.arrays()[0]

            def call() -> None:
                sent = jax.device_put(clips, jax.devices()[0])
                self._last = np.asarray(self._run(first, sent))  # probabilities, on the host

            return call
        state, self._variables = first, None  # a trained state's memory is reused by the step

        def step() -> None:
            nonlocal state
            if self._work.task == "train":
                state, self._last = self._run(state, second)
            else:
                self._last = self._run(state, second)

        return step

    def _wait(self) -> None:
        jax.block_until_ready(self._last)


def _flops(function: Callable, arguments: tuple) -> float:
    """Returns XLA's count of one step as lowered for a GPU.

    Our own weight gradient for CPUs is a loop, whose body XLA would count only once.
    """
    lowered = function.trace(*arguments).lower(lowering_platforms=("cuda",))
    return lowered.cost_analysis()["flops"]
