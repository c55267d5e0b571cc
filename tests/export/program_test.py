"""A program runs without this package and says what the network says, whatever the batch."""

import importlib.util
import json
import pathlib
import re

import jax
import numpy as np
import pytest
import saved_weights
from jax import export

from dfer_jax.errors import UserError
from dfer_jax.export import program
from dfer_jax.models import resnet50
from dfer_jax.ops.convolution import convolve
from dfer_jax.ops.cpu import library
from dfer_jax.recognition import weights


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return saved_weights.of_clips(
        tmp_path_factory.mktemp("weights") / "clips", kind="gca", scale=3.0, decode_size=36
    )


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("program") / "out"
    return out, program.write_program(run, str(out))


def test_it_says_what_the_network_says(run, written):
    out, found = written
    assert found.largest_error <= program.MOST_WRONG, found
    (network,) = weights.load([run]).networks
    assert network.member.size != network.member.inputs["image_size"], "nothing is resized"
    loaded = export.deserialize(bytearray((out / program.STABLEHLO).read_bytes()))
    shape = (40, *program.input_shape(network))
    frames = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    ours = np.asarray(network(frames[:, None]))  # one view of each clip
    np.testing.assert_allclose(np.asarray(loaded.call(frames)), ours, atol=1e-5)
    assert ours.std(axis=0).max() > 1e-3, "the clips do not differ, so this says nothing"


def test_it_has_nothing_of_this_machine_inside(written):
    loaded = export.deserialize(bytearray((written[0] / program.STABLEHLO).read_bytes()))
    assert loaded.platforms == ("cpu", "cuda"), loaded.platforms
    called = set(re.findall(r"custom_call @(\w+)", loaded.mlir_module()))
    assert not any("dfer" in name for name in called), called
    assert called <= {"shape_assertion", "Sharding"}, called


def test_the_sidecar_names_the_classes_and_shapes(run, written):
    about = json.loads((written[0] / program.SIDECAR).read_text())
    assert about["input"] == {"name": "frames", "shape": ["b", 4, 36, 36, 3], "dtype": "uint8"}
    assert about["output"]["shape"] == ["b", 7], about["output"]
    assert tuple(about["classes"]) == weights.load([run]).classes, "other names"
    assert about["preprocess"]["sampling"] and about["one_class_at_a_time"] is True


@pytest.mark.parametrize(
    "system", [pytest.param("gru", marks=pytest.mark.soak(reason="as of the other task")), "au"]
)
def test_networks_that_label_frames_are_written_too_but_not_if_the_rest_fails(tmp_path, system):
    run, out = saved_weights.of_frames(tmp_path / "run", system), tmp_path / "out"
    with (
        pytest.raises(KeyError, match="no such clip"),
        program.writing(run, str(out), name=program.STABLEHLO) as (folder, found),
    ):
        assert found.largest_error <= program.MOST_WRONG, found
        assert not out.exists(), "before it is whole"
        about = json.loads(pathlib.Path(folder, program.SIDECAR).read_text())
        assert about["label_of"] == "middle frame", about["label_of"]
        assert about["one_class_at_a_time"] is (system != "au"), "action units are not exclusive"
        raise KeyError("no such clip")  # as of clips that calibrate 8 bits
    assert not list(tmp_path.glob("out*")), "half a folder"


def test_the_compiled_functions_are_left_out_in_the_block_alone():
    x = jax.numpy.ones((1, 8, 8, 16))
    before = library.takes(x)
    with library.left_out():
        assert not library.takes(x), "they are taken"
    assert library.takes(x) == before, "they are left out for good"


def test_the_pool_of_frames_does_not_pad_by_itself_which_jax2onnx_leaves_out():
    with library.left_out(in_planes=True):
        traced = jax.make_jaxpr(resnet50.ceil_max_pool)(jax.numpy.ones((1, 8, 9, 2)))
    (pool,) = [e for e in traced.eqns if e.primitive.name == "reduce_window_max"]
    assert not np.any(pool.params["padding"]), pool.params["padding"]


def test_wide_kernels_on_small_maps_take_any_batch():
    batch = export.symbolic_shape("b")
    maps = jax.ShapeDtypeStruct((*batch, 8, 8, 512), np.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, 512, 512), np.float32)
    with library.left_out():
        exported = export.export(jax.jit(lambda x, k: convolve(x, k, 1)))(maps, kernel)
    assert exported.out_avals[0].shape == maps.shape, exported.out_avals


def test_the_verb_prints_the_error(run, tmp_path, commands):
    out = tmp_path / "out"
    done = commands.run("dfer_jax", "export", run, "--format=stablehlo", "--out", out)
    assert re.match(r"largest error .*: \d\.\de[+-]\d\d\n", done.stdout), done.stdout


def test_onnx_is_written_where_its_converter_is(run, tmp_path):
    if importlib.util.find_spec("jax2onnx") is None:
        with pytest.raises(UserError, match=r"jax2onnx.*an environment of its own"):
            program.write_program(run, str(tmp_path / "out"), name=program.ONNX)
        return
    found = program.write_program(run, str(tmp_path / "out"), name=program.ONNX)
    assert found.largest_error <= program.MOST_WRONG, found
