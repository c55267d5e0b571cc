"""A program written for ONNX at work in ONNX Runtime or OpenVINO, for `other_runtimes`."""

from typing import Any

import numpy as np

from benchmarks.speed.network_work import Work, call_seconds

ONNX_RUNTIME, OPENVINO = "ONNX Runtime", "OpenVINO"


class Program:
    """An exported program at work; lives in a process of its own."""

    def __init__(self, runtime: str, path: str, work: Work, threads: int) -> None:
        self._work = work
        self._run = {ONNX_RUNTIME: _in_onnx_runtime, OPENVINO: _in_openvino}[runtime](path, threads)

    def probabilities(self) -> np.ndarray:
        """Returns those of the check clips."""
        return self._run(self._work.check_clips())

    def prepare(self) -> None:
        """Calls it once."""
        self._run(self._work.arrays()[0])

    def measure(self) -> list[float]:
        """Returns the seconds of each call."""
        clips = self._work.arrays()[0]
        return call_seconds(lambda: self._run(clips), calls=self._work.calls)


def _in_onnx_runtime(path: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda clips: session.run(["probabilities"], {"frames": clips})[0]


def _in_openvino(path: str, threads: int) -> Any:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    settings |= {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    return lambda clips: compiled([clips])[0]
