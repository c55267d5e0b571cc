"""PyTorch's network at work, for the speed comparisons, with what makes PyTorch fast.

Channels last, autocast where the precision is bfloat16, cuDNN's search for the fastest kernels,
TF32 products for float32 on a GPU (as XLA has them), one kernel for SGD, and torch.compile as a row
of its own (on a GPU with CUDA graphs where one clip is waited for).
"""

import contextlib
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.peak_memory import peak_bytes
from benchmarks.speed import device_peak
from benchmarks.speed.network_work import (
    LEARNING_RATE,
    MOMENTUM,
    NUM_CLASSES,
    WEIGHT_DECAY,
    Work,
    call_seconds,
    seconds_per_step,
)
from benchmarks.speed.pytorch import torch_networks


class Network:
    """PyTorch's side of a comparison; lives in a process of its own."""

    def __init__(self, work: Work, threads: int | None, compiled: bool) -> None:
        if threads:
            torch.set_num_threads(threads)
        self._work, self._compiled = work, compiled
        self._place = torch.device("cuda" if work.device == "gpu" else "cpu")
        torch.manual_seed(0)
        network, self._classify, self._criterion = torch_networks.make(work)
        self._network = torch_networks.channels_last(network.to(self._place))
        torch.backends.cudnn.benchmark = True
        self._step = self._loss = self._last = None

    @staticmethod
    def names() -> list[str]:
        """Returns the networks there are here."""
        return ["gca_ial", *torch_networks.NETWORKS]

    def about(self) -> dict[str, Any]:
        """Returns device, versions and the number of parameters."""
        cuda = self._place.type == "cuda"
        return {
            "device": torch.cuda.get_device_name() if cuda else platform.machine(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "parameters": sum(x.numel() for x in self._network.parameters()),
        }

    def save_weights(self) -> None:
        """Writes the weights for all others."""
        state_dict = self._network.state_dict()
        np.savez(self._work.weights, **{k: v.cpu().numpy() for k, v in state_dict.items()})

    def load_weights(self) -> None:
        """Reads them."""
        with np.load(self._work.weights, allow_pickle=False) as file:
            self._network.load_state_dict({k: torch.from_numpy(file[k]) for k in file.files})

    @torch.no_grad()
    def logits(self) -> np.ndarray:
        """Returns logits of the check clips, float32 to the last bit the device has."""
        clips = torch.from_numpy(self._work.check_clips()).to(self._place)
        self._network.eval()
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self._classify(clips)[0].cpu().numpy()

    def probabilities(self) -> np.ndarray:
        """Returns those of the last evaluation step."""
        return self._last[2].numpy()

    def prepare(self) -> dict[str, Any]:
        """Runs (compiles); returns the seconds of the first run and the first two losses."""
        torch.set_float32_matmul_precision("high")
        self._step = getattr(self, f"_{self._work.task}")()
        start = time.perf_counter()
        self._step()
        self._wait()
        seconds = time.perf_counter() - start
        losses = []
        if self._work.task == "train":
            losses.append(float(self._loss))
            self._step()
            losses.append(float(self._loss))
        return {"first_call_s": seconds, "losses": losses}

    def tune_threads(self) -> int:
        """Chooses between as many threads as there are cores, and half as many; returns them."""
        most = torch.get_num_threads()
        seconds = {}
        for number in {most, max(1, most // 2)}:
            torch.set_num_threads(number)
            tries = [seconds_per_step(self._step, self._wait, shortest_s=0) for _ in range(3)]
            seconds[number] = min(tries)
        fastest = min(seconds, key=seconds.get)
        torch.set_num_threads(fastest)
        return fastest

    def measure(self) -> list[float]:
        """Returns seconds per step of about a second's steps, or of each call (`latency`)."""
        if self._work.task == "latency":
            return call_seconds(self._step, calls=self._work.calls)
        return [seconds_per_step(self._step, self._wait, shortest_s=self._work.shortest_s)]

    def peak_bytes(self) -> int:
        """Returns the most memory held so far: of the GPU, or of this process."""
        if self._place.type == "cuda":
            return torch.cuda.max_memory_allocated()
        return peak_bytes()

    def device_peak(self) -> dict[str, float]:
        """Returns what PyTorch reaches at best on this device."""
        return device_peak.by_torch(self._work.device, self._work.dtype)

    def _precision(self) -> contextlib.AbstractContextManager:
        if self._work.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._place.type, dtype=getattr(torch, self._work.dtype))

    def _maybe_compiled(self, function: Callable) -> Callable:
        if not self._compiled:
            return function
        graphs = self._work.task == "latency" and self._place.type == "cuda"
        return torch.compile(function, mode="reduce-overhead" if graphs else "default")

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        clips, labels = self._work.arrays()
        labels = torch.from_numpy(labels).long()
        return torch.from_numpy(clips).to(self._place), labels.to(self._place)

    def _train(self) -> Callable[[], None]:
        self._network.train()
        clips, labels = self._batch()
        optimizer = torch.optim.SGD(
            self._network.parameters(),
            lr=LEARNING_RATE,
            momentum=MOMENTUM,
            weight_decay=WEIGHT_DECAY,
            fused=True,
        )

        def forward(clips: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            with self._precision():
                logits, _, auxiliary = self._classify(clips)
            return self._criterion(logits, auxiliary, labels)

        forward = self._maybe_compiled(forward)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            loss = forward(clips, labels)
            loss.backward()
            optimizer.step()
            self._loss = loss.detach()

        return step

    def _eval(self) -> Callable[[], None]:
        """What our step returns but for the gates: sums, probabilities, features in float16."""
        clips, labels = self._batch()

        def forward(clips: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            with self._precision():
                logits, features, _ = self._classify(clips)
            logits = logits.float()
            loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
            cells = torch.nn.functional.one_hot(
                labels * NUM_CLASSES + logits.argmax(1), NUM_CLASSES**2
            )
            return loss, cells.sum(0), logits.softmax(1), features.half()

        forward = self._maybe_compiled(forward)
        self._network.eval()

        def step() -> None:
            with torch.inference_mode():
                self._last = forward(clips, labels)

        return step

    def _latency(self) -> Callable[[], None]:
        clips = torch.from_numpy(self._work.arrays()[0])

        def forward(clips: torch.Tensor) -> torch.Tensor:
            with self._precision():
                return self._classify(clips)[0].float().softmax(1)

        forward = self._maybe_compiled(forward)
        self._network.eval()

        def call() -> None:
            with torch.inference_mode():
                forward(clips.to(self._place)).cpu()

        return call

    def _wait(self) -> None:
        if self._place.type == "cuda":
            torch.cuda.synchronize()
