r"""Networks in ONNX Runtime and OpenVINO, beside ours and PyTorch, on CPU, in one run.

    pip install -e '.[bench]'
    pip install jax2onnx openvino
    python -m benchmarks.speed.other_runtimes --networks gca_ial,emo_affectnet

One call at a time, of one clip or of more, from uint8 frames in host memory to probabilities
there; sizes as published. All have the same weights; ONNX Runtime and OpenVINO run the program that
is exported for ONNX. Probabilities must agree before anything is timed. They are timed in turn,
each in a process of its own with as many threads as cores; all float32.

Prints a table and writes other_runtimes.json: milliseconds a call, medians, and how many times as
fast ours is.
"""

import itertools
import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from benchmarks.speed import interleaved, network_speed, speed_table
from benchmarks.speed.interleaved import Peer
from benchmarks.speed.network_work import as_published
from benchmarks.speed.runtime_program import ONNX_RUNTIME, OPENVINO
from dfer_jax.errors import UserError, run
from dfer_jax.runtime.cores import usable_cores

_NETWORKS = flags.DEFINE_list("networks", ["gca_ial"], "Names of networks.")
_BATCHES = flags.DEFINE_list("batches", ["1", "4"], "Clips of a call, a row each.")
_EACH = flags.DEFINE_integer("each", 9, "Measurements of each.", 1)
_CALLS = flags.DEFINE_integer("calls", 20, "Calls that a measurement takes.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/speed", "Folder for the figures.")

_TOLERANCE = 1e-4  # of the probabilities
_CARD = "# Random weights\n"


def write_program(network: str, weights: str, folder: str) -> str:
    """Writes the weights of PyTorch's statement as an ONNX program; returns its path.

    Raises:
        UserError: if the converter is missing or does not know an operation.
    """
    from benchmarks.speed.network_jax import read_variables
    from configs import dfew
    from dfer_jax.clips import experiment
    from dfer_jax.export import program
    from dfer_jax.labels import CLASSES
    from dfer_jax.models import create_model
    from dfer_jax.recognition.weights import load
    from dfer_jax.runs import checkpoint, pretrained_folder

    model = create_model(network)
    config = dfew.get_config()
    config.data.segments, config.data.frames_per_segment = model.num_frames, 1
    config.model.image_size = config.data.decode_size = model.image_size
    metadata = checkpoint.make_metadata(
        model_name=network,
        model_kwargs={"num_classes": len(CLASSES), "num_frames": model.num_frames},
        classes=CLASSES,
        preprocess=experiment.preprocess(config),
        dataset="none",
        source="random weights",
    )
    exported, path = os.path.join(folder, "exported"), os.path.join(folder, program.ONNX)
    os.makedirs(exported)
    variables = read_variables(network, weights, model=model)
    pretrained_folder.write(exported, variables, metadata, step=0, card=_CARD)
    Path(path).write_bytes(program.convert(load([exported]), program.ONNX))
    return path


def compare(network: str, batch: int, *, repeats: int) -> dict[str, float]:
    """Returns milliseconds a call of so many clips of a network, by who runs it.

    Raises:
        UserError: if the probabilities differ, or something is missing.
    """
    threads = usable_cores()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        weights = os.path.join(folder, "weights.npz")
        work = as_published(
            network, task="latency", batch=batch, weights=weights, calls=_CALLS.value
        )
        environment = {**network_speed.ALLOCATOR, "JAX_PLATFORMS": "cpu"}

        def start(name: str, target: str, *given: Any) -> Peer:
            peer = Peer(name, f"benchmarks.speed.{target}", given, environment)
            return stack.enter_context(peer)

        eager = start("PyTorch", "pytorch.network_torch:Network", work, threads, False)
        eager.call("save_weights")
        ours = start("dfer_jax", "network_jax:Network", work)
        path = write_program(network, weights, folder)
        programs = [
            start(name, "runtime_program:Program", name, path, work, threads)
            for name in (ONNX_RUNTIME, OPENVINO)
        ]
        _check(ours, eager, programs)
        peers = [ours, eager, *programs]
        for peer in peers:
            peer.call("prepare")
        seconds = interleaved.measure(peers, repeats=repeats)
    return {
        name: 1e3 * statistics.median(second for repeat in found for second in repeat)
        for name, found in seconds.items()
    }


def _check(ours: Peer, eager: Peer, programs: list[Peer]) -> None:
    expected = _softmax(ours.call("logits"))
    found = {"PyTorch": _softmax(eager.call("logits"))}
    found |= {peer.name: peer.call("probabilities") for peer in programs}
    for name, probabilities in found.items():
        apart = np.abs(probabilities - expected).max()
        if not apart <= _TOLERANCE:
            raise UserError(f"{name} says something else: probabilities are {apart:.2g} apart")


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def main(_: list[str]) -> None:
    """Compares, prints, writes."""
    network_speed.find_device()
    load = os.getloadavg()[0]
    print(f"{network_speed.cpu_name()}, {usable_cores()} cores, load {load:.1f}")
    figures = {"cpu": network_speed.cpu_name(), "cores": usable_cores(), "load_before": load}
    found = figures["milliseconds"] = {}
    for network, batch in itertools.product(_NETWORKS.value, map(int, _BATCHES.value)):
        milliseconds = compare(network, batch, repeats=_EACH.value)
        found.setdefault(network, {})[str(batch)] = milliseconds
        ours = milliseconds["dfer_jax"]
        shown = [f"{k} {v:.1f} ({v / ours:.2f}x)" for k, v in milliseconds.items()]
        print(f"{network}, {batch} clip{'s' * (batch > 1)}, ms: {', '.join(shown)}", flush=True)
        speed_table.write(Path(_OUT.value) / "other_runtimes.json", figures)


if __name__ == "__main__":
    run(main)
