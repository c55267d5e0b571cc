"""A program in 8 bits: what it needs is said first; with ONNX Runtime one is made and scored."""

import importlib.util
import json

import numpy as np
import pytest
import tiny
import tiny_frames

from dfer_jax.errors import UserError
from dfer_jax.export import int8, program
from dfer_jax.labels import CLASSES

MISSING = [name for name in ("onnx", "onnxruntime") if not importlib.util.find_spec(name)]


def test_networks_that_label_frames_are_refused():
    with pytest.raises(UserError, match="--int8 is for networks that label clips"):
        int8.check(tiny_frames.config("", "gru"))


def test_missing_packages_are_named_and_nothing_else():
    if not MISSING:
        int8.check(tiny.config(""))
        return
    with pytest.raises(UserError, match=f"pip install {' '.join(MISSING)}"):
        int8.check(tiny.config(""))


@pytest.mark.skipif(bool(MISSING), reason="needs onnx and onnxruntime")
def test_weights_become_8_bits_and_the_loss_is_that_of_the_test_clips(built_clips, tmp_path):
    config = tiny.config(built_clips)
    _write_linear(tmp_path / program.ONNX)
    inputs = {"segments": 4, "frames_per_segment": 1, "sampling": "uniform", "decode_size": 32}
    about = {"classes": list(reversed(CLASSES)), "preprocess": inputs}
    (tmp_path / program.SIDECAR).write_text(json.dumps(about))
    names = {"program": program.ONNX, "sidecar": program.SIDECAR}
    loss, sums = int8.quantise(str(tmp_path), config, **names)
    assert loss.clips == 5 and loss.calibrated_on == 12, "test and training clips"
    assert set(sums) == {int8.PROGRAM, program.SIDECAR}
    kept = json.loads((tmp_path / program.SIDECAR).read_text())["int8"]
    assert kept["war"] == loss.war == 0.2, "it always says fear, and a clip in five is that"
    import onnx

    types = {x.data_type for x in onnx.load(tmp_path / int8.PROGRAM).graph.initializer}
    assert onnx.TensorProto.INT8 in types, "weights of 8 bits"


def _write_linear(path):
    """One linear layer over all pixels, as a program of ONNX."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    size = 4 * 32 * 32 * 3
    weights = rng.normal(size=(size, 7)).astype(np.float32) / size
    bias = np.array([5, 0, 0, 0, 0, 0, 0], np.float32)
    constants = {"shape": np.array([-1, size]), "weights": weights, "bias": bias}
    nodes = [
        helper.make_node("Cast", ["frames"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["real", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["b", 4, 32, 32, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["b", 7])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
