"""An ONNX program in 8 bits, calibrated on a user's clips, and what that costs on others of them.

Weights and inputs of convolutions and of products with weights become whole numbers of 8 bits, by
ranges seen on training clips (`onnxruntime.quantization`, static, QDQ, per channel); attention,
normalisation and softmax stay float32.
"""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from dfer_jax.clips import experiment
from dfer_jax.clips.shared_classes import meet
from dfer_jax.clips.sources import Sources, evaluation_batches, open_sources
from dfer_jax.data.cached_source import Source
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint_metadata
from dfer_jax.runs.read_files import read_json
from dfer_jax.runtime.durable_files import replacing, write_json
from dfer_jax.runtime.file_facts import sha256

PROGRAM = "model.int8.onnx"
CALIBRATED_ON = 64
"""Training clips at most."""
_PRODUCTS = ("Conv", "Gemm", "MatMul")


class Loss(NamedTuple):
    """Scores on the test clips.

    Attributes:
        war: of the float32 program, 0 to 1.
        war_int8: of the one in 8 bits.
        clips: how many.
        calibrated_on: how many training clips.
    """

    war: float
    war_int8: float
    clips: int
    calibrated_on: int

    def __str__(self) -> str:
        return (
            f"8 bits, calibrated on {self.calibrated_on} training clips: WAR {self.war_int8:.4f} "
            f"where float32 has {self.war:.4f}, {100 * (self.war - self.war_int8):.2f} points "
            f"lost on {self.clips:,} test clips"
        )


def check(config: ml_collections.ConfigDict) -> None:
    """Refuses, before anything is written, what cannot be calibrated.

    Raises:
        UserError: if a package is missing, or the config is of videos labelled frame by frame.
    """
    if config.task != "clips":
        raise UserError(f"task={config.task!r}, but --int8 is for networks that label clips")
    missing = [name for name in ("onnx", "onnxruntime") if not importlib.util.find_spec(name)]
    if missing:
        raise UserError(f"--int8 needs other packages; pip install {' '.join(missing)}")


def quantise(
    folder: str, config: ml_collections.ConfigDict, *, program: str, sidecar: str
) -> tuple[Loss, dict[str, str]]:
    """Writes `PROGRAM` beside an ONNX program, and returns its loss and the sha256 of what changed.

    Args:
        folder: that holds the program.
        config: whose training clips calibrate, and whose test clips are scored.
        program: name of the ONNX program.
        sidecar: name of its JSON file, which keeps the loss.

    Raises:
        UserError: if the data set is not built or has other classes.
        OSError: if the file cannot be written.
    """
    about = read_json(os.path.join(folder, sidecar))
    config, sources = _clips(config, about)
    chosen = np.linspace(0, len(sources.train) - 1, min(CALIBRATED_ON, len(sources.train)))
    calibration = sources.train.subset(np.unique(chosen.astype(int)).tolist())
    source, path = os.path.join(folder, program), os.path.join(folder, PROGRAM)
    content = _quantised(source, (b["clips"] for b in _batches(config, calibration)))
    with replacing(path, "wb") as file:
        file.write(content)
    correct, clips = _score([source, path], _batches(config, sources.test))
    war, war_int8 = (correct / clips).tolist()
    loss = Loss(war, war_int8, clips, len(calibration))
    kept = {"program": PROGRAM, "dataset": config.data.dataset, **loss._asdict()}
    write_json(os.path.join(folder, sidecar), about | {"int8": kept})
    return loss, {name: sha256(os.path.join(folder, name)) for name in (PROGRAM, sidecar)}


def _clips(
    config: ml_collections.ConfigDict, about: dict[str, Any]
) -> tuple[ml_collections.ConfigDict, Sources]:
    """Returns the config with the program's sampling and sizes, and clips labelled as it counts."""
    fields = [name for name in about["preprocess"] if name in config.data]
    config = checkpoint_metadata.as_trained(
        config, about["preprocess"], fields=fields, overrides=()
    )
    met = meet(
        open_sources(config),
        model=about["classes"],
        dataset=config.data.dataset,
        on_shared=False,
        test=experiment.splits(config).test_name,
    )
    return config, met.sources


def _batches(config: ml_collections.ConfigDict, source: Source) -> Iterator[dict[str, np.ndarray]]:
    """Yields clips [b, ..] and labels [b], without what fills up the last batch."""
    for batch in evaluation_batches(config, source):
        yield {name: batch[name][batch["mask"]] for name in ("clips", "labels")}


def _quantised(source: str, batches: Iterator[np.ndarray]) -> bytes:
    from onnxruntime import quantization
    from onnxruntime.quantization import shape_inference

    class Clips(quantization.CalibrationDataReader):
        """Gives clips one by one: each keeps all of a network's maps."""

        def __init__(self) -> None:
            self._clips = (clip[None] for batch in batches for clip in batch)

        def get_next(self) -> dict[str, np.ndarray] | None:
            clip = next(self._clips, None)
            return None if clip is None else {"frames": clip}

    with tempfile.TemporaryDirectory() as temporary:
        prepared, written = Path(temporary) / "prepared.onnx", Path(temporary) / "int8.onnx"
        shape_inference.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            written,
            Clips(),
            op_types_to_quantize=list(_PRODUCTS),
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,  # else sums of 8-bit products overflow on CPUs without VNNI
            extra_options={"MatMulConstBOnly": True},
        )
        return written.read_bytes()


def _score(programs: list[str], batches: Iterator[dict[str, np.ndarray]]) -> tuple[np.ndarray, int]:
    """Returns how many clips each program labels as they are labelled, and how many there are."""
    import onnxruntime

    options = {"providers": ["CPUExecutionProvider"]}
    sessions = [onnxruntime.InferenceSession(path, **options) for path in programs]
    correct, clips = np.zeros(len(sessions), int), 0
    for batch in batches:
        for i, session in enumerate(sessions):
            (found,) = session.run(["probabilities"], {"frames": batch["clips"]})
            correct[i] += (found.argmax(1) == batch["labels"]).sum()
        clips += len(batch["labels"])
    return correct, clips
