"""A network as one program that runs without dfer_jax: of `jax.export`, or for ONNX Runtime.

Frames go in as uint8, probabilities come out; the weights and the scaling of pictures are inside.
The batch is free, everything else is fixed and told by `model.json` beside the program. It is made
of plain operations, nothing of this machine: that of `jax.export` for CPU and CUDA.
"""

import contextlib
import importlib.util
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jaxtyping import Array, Float32, UInt8

from dfer_jax.errors import UserError
from dfer_jax.export import fresh_process
from dfer_jax.export.folder import prepare
from dfer_jax.ops.cpu import library
from dfer_jax.recognition import weights as weights_of
from dfer_jax.recognition.weights import ClipNetwork, FrameNetwork
from dfer_jax.runtime.durable_files import new_folder, replacing, write_json
from dfer_jax.runtime.file_facts import sha256
from dfer_jax.training import test_views

STABLEHLO, ONNX, SIDECAR = "model.stablehlo", "model.onnx", "model.json"
PLATFORMS = ("cpu", "cuda")
MOST_WRONG = 1e-5
_BATCHES = (1, 3, 40)


class Written(NamedTuple):
    """What was written.

    Attributes:
        sums: sha256 of each file.
        largest_error: of a probability, in a fresh process, against the network itself.
    """

    sums: dict[str, str]
    largest_error: float


def write_program(run: str, out: str, *, name: str = STABLEHLO) -> Written:
    """Writes a program and `model.json` into a new folder, once it was tried: see `writing`."""
    with writing(run, out, name=name) as (_, written):
        return written


@contextlib.contextmanager
def writing(run: str, out: str, *, name: str) -> Iterator[tuple[str, Written]]:
    """Yields a folder with a program and `model.json`, tried, and what is in it.

    What the block adds is whole or absent with the rest: the folder takes the place of `out` when
    the block ends well.

    Args:
        run: work directory of a run, imported weights, or a pretrained folder.
        out: a new folder.
        name: of the program, `STABLEHLO` or `ONNX`.

    Raises:
        UserError: if there are no intact weights, `out` is in use, the converter is missing, or the
            program's probabilities differ from the network's.
        OSError: if something cannot be written.
    """
    _converter(name)  # refused first if it is missing
    prepare(out)
    weights = weights_of.load([run])
    (network,) = weights.networks
    content = convert(weights, name)
    shape = input_shape(network)
    about = _about(network, name, shape, weights.exclusive)
    with new_folder(out) as folder:
        with replacing(os.path.join(folder, name), "wb") as file:
            file.write(content)
        write_json(os.path.join(folder, SIDECAR), about)
        error = _try(network, os.path.join(folder, name), shape)
        sums = {n: sha256(os.path.join(folder, n)) for n in (name, SIDECAR)}
        yield folder, Written(sums, error)


def convert(weights: weights_of.Weights, name: str) -> bytes:
    """Returns the program of one network's weights, untried.

    UserError if the converter is missing or does not know an operation.
    """
    (network,) = weights.networks
    with library.left_out(in_planes=name == ONNX):
        return _converter(name)(probabilities_of(network), input_shape(network), weights.classes)


def _converter(name: str) -> Callable[[Callable, tuple[int, ...], Sequence[str]], bytes]:
    needed = {STABLEHLO: "flatbuffers", ONNX: "jax2onnx"}[name]
    if importlib.util.find_spec(needed):
        return {STABLEHLO: _stablehlo, ONNX: _onnx}[name]
    if name == STABLEHLO:
        raise UserError("programs need another package; pip install 'dfer_jax[export]'")
    raise UserError(
        "the converter to ONNX, jax2onnx, wants older packages than training does; install it "
        "beside dfer_jax in an environment of its own (pip install dfer_jax, then pip install "
        "jax2onnx) and give this command, there, a folder that dfer export wrote"
    )


def input_shape(network: ClipNetwork | FrameNetwork) -> tuple[int, ...]:
    """Returns (t, s, s, 3) of the frames that a program takes for each label.

    Of weights that average several views of a clip (v, t, s, s, 3).
    """
    inputs, side = network.member.inputs, network.member.size
    if network.member.of_frames:
        return (inputs["window"], side, side, 3)
    views, length = network.member.protocol.shape
    return (*((views,) if views > 1 else ()), length, side, side, 3)


def probabilities_of(network: ClipNetwork | FrameNetwork) -> Callable[[Array], Array]:
    """Returns uint8 [b, (v,) t, s, s, 3] -> probabilities float32 [b, k], to be traced.

    Of a network that labels frames they are those of the middle frame.
    """
    member, variables = network.member, network.variables
    exclusive = weights_of.Weights((network,), member.classes).exclusive
    model = network.model.clone(dtype=jnp.float32)
    before, after = member.size, member.inputs["image_size"]
    rows = np.asarray(jax.image.resize(jnp.eye(before), (after, before), "bilinear"))

    def probabilities(frames: UInt8[Array, "b *rest"]) -> Float32[Array, "b k"]:
        frames, views = test_views.in_a_row(frames)
        clips = frames.astype(jnp.float32) / 255
        if before != after:  # as `resize_clips`, by products, which every converter knows
            clips = jnp.einsum("bthwc,ih->btiwc", clips, rows, precision="highest")
            clips = jnp.einsum("btiwc,jw->btijc", clips, rows, precision="highest")
            clips = jnp.clip(clips, 0.0, 1.0)
        logits, _ = model.apply(variables, clips, train=False)
        if member.of_frames:
            logits = logits[:, member.inputs["window"] // 2]
        else:
            average = member.protocol.view_average
            logits = test_views.average_logits(logits, views, of=average)
        logits = logits.astype(jnp.float32)
        return jax.nn.softmax(logits) if exclusive else jax.nn.sigmoid(logits)

    return probabilities


def _stablehlo(
    function: Callable[[Array], Array], shape: tuple[int, ...], _: Sequence[str]
) -> bytes:
    return bytes(export.export(jax.jit(function), platforms=PLATFORMS)(_frames(shape)).serialize())


def _onnx(
    function: Callable[[Array], Array], shape: tuple[int, ...], classes: Sequence[str]
) -> bytes:
    from jax2onnx import to_onnx

    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns of every helper without a type
    names = {"input_names": ["frames"], "output_names": ["probabilities"]}
    try:
        converted = to_onnx(function, [_frames(shape)], model_name="dfer_jax", **names)
    except Exception as error:  # whatever it does not know yet
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"jax2onnx does not convert this network ({said}); --format=stablehlo writes it"
        ) from error
    entry = converted.metadata_props.add()
    entry.key, entry.value = "classes", json.dumps(list(classes), ensure_ascii=False)
    return converted.SerializeToString()


def _frames(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((*export.symbolic_shape("b"), *shape), jnp.uint8)


def _about(
    network: ClipNetwork | FrameNetwork, name: str, shape: tuple[int, ...], exclusive: bool
) -> dict[str, Any]:
    member = network.member
    return {
        "program": name,
        "platforms": list(PLATFORMS),
        "input": {"name": "frames", "shape": ["b", *shape], "dtype": "uint8"},
        "output": {
            "name": "probabilities",
            "shape": ["b", len(member.classes)],
            "dtype": "float32",
        },
        "classes": list(member.classes),
        "one_class_at_a_time": exclusive,
        "label_of": "middle frame" if member.of_frames else "clip",
        "preprocess": member.inputs,
        "model": member.metadata["model"],
        "dataset": member.metadata["dataset"],
        "source": member.metadata["source"],
        "versions": member.metadata["versions"],
    }


def _try(network: ClipNetwork | FrameNetwork, path: str, shape: tuple[int, ...]) -> float:
    """Returns the largest error of a probability over some batches of noise."""
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 256, (b, *shape), np.uint8) for b in _BATCHES]
    ours = jax.jit(probabilities_of(network))
    found = fresh_process.probabilities(path, batches)
    errors = [np.abs(np.asarray(ours(x)) - y).max() for x, y in zip(batches, found, strict=True)]
    if not max(errors) <= MOST_WRONG:
        raise UserError(
            f"the program gives other probabilities than the network, by up to {max(errors):.1e}, "
            "and was not written; report this"
        )
    return float(max(errors))
