import functools
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import frames_recipe as recipe

from dfer_jax.errors import UserError
from dfer_jax.interop import resnet50_ft
from dfer_jax.models import create_model
from dfer_jax.models.cnn_gru import CNNGRU
from dfer_jax.models.resnet50 import ResNet50, with_backbone
from dfer_jax.runs import checkpoint

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
LAST = "conv5_1_1x1_proj_bn.running_var"
TINY = ResNet50(**recipe.TINY)

# The names of the release, written out: blocks 2_1 to 5_3, and the layers of a block.
BLOCKS = [f"{stage}_{i}" for stage, n in ((2, 3), (3, 4), (4, 6), (5, 3)) for i in range(1, n + 1)]
FIRST = ("2_1", "3_1", "4_1", "5_1")


def _names(*, se=False):
    convolutions = ["conv1_7x7_s2"]
    for block in BLOCKS:
        layers = ["1x1_reduce", "3x3", "1x1_increase"] + ["1x1_proj"] * (block in FIRST)
        convolutions += [f"conv{block}_{layer}" for layer in layers]
    names = [f"{c}.weight" for c in convolutions]
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        names += [f"{c}_bn.{leaf}" for c in convolutions]
    layers = [f"conv{block}_1x1_{way}" for block in BLOCKS if se for way in ("down", "up")]
    return names + [f"{x}.{leaf}" for x in (*layers, "classifier") for leaf in ("weight", "bias")]


def _shapes(file):
    golden = np.load(GOLDEN / file)
    return {
        str(name): tuple(int(n) for n in shape.split())
        for name, shape in zip(golden["names"], golden["shapes"], strict=True)
    }


@pytest.fixture(scope="module")
def tiny():
    return recipe.make_state_dict(_shapes("resnet50_tiny.npz"))


def _load(state_dict, **options):
    return resnet50_ft.from_state_dict(state_dict, model=TINY, **options)


def _same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("se", [False, True])
def test_name_table(se):
    """All 267 names of the file (64 more with SE gates), each at one leaf of our tree."""
    wanted = resnet50_ft._wanted(ResNet50(num_classes=8631, squeeze_excite=se))
    tensors = jax.tree.leaves(wanted, is_leaf=lambda x: hasattr(x, "convert"))
    assert len(tensors) == (331 if se else 267)
    assert sorted(tensor.name for tensor in tensors) == sorted(_names(se=se))
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    assert shapes["conv1_7x7_s2.weight"] == (64, 3, 7, 7)
    assert shapes["conv4_6_3x3.weight"] == (256, 256, 3, 3)
    assert shapes["conv3_1_1x1_proj.weight"] == (512, 256, 1, 1)
    assert shapes["classifier.weight"] == (8631, 2048, 1, 1)
    if se:
        assert shapes["conv5_3_1x1_down.weight"] == (128, 2048, 1, 1)
        assert shapes["conv5_3_1x1_up.bias"] == (2048,)


def test_layouts(tiny):
    variables = _load(tiny, classifier=True)
    params = variables["params"]["backbone"]
    block = params["stage3_block2"]
    assert params["conv1"]["kernel"][5, 6, 2, 1] == tiny["conv1_7x7_s2.weight"][1, 2, 5, 6]
    assert block["conv2"]["kernel"][0, 2, 3, 7] == tiny["conv3_2_3x3.weight"][7, 3, 0, 2]
    _same(block["bn3"]["scale"], tiny["conv3_2_1x1_increase_bn.weight"])
    classifier = variables["params"]["classifier"]
    assert classifier["kernel"][100, 4] == tiny["classifier.weight"][4, 100, 0, 0]
    statistics = variables["batch_stats"]["backbone"]["stage5_block1"]["shortcut_bn"]
    _same(statistics["var"], tiny[LAST])


def test_tree_is_that_of_the_model(tiny):
    shapes = jax.eval_shape(
        functools.partial(TINY.init, train=False), jax.random.key(0), jnp.zeros((1, 1, 32, 32, 3))
    )
    described = jax.tree.map(lambda x: (x.shape, x.dtype.name), dict(shapes))
    found = jax.tree.map(lambda x: (x.shape, x.dtype.name), _load(tiny, classifier=True))
    assert found == described


@pytest.mark.parametrize("prefix", ["module.", "module.cnn."])
def test_prefixes(tiny, prefix):
    _same(_load({prefix + name: value for name, value in tiny.items()}), _load(tiny))


def test_classifier_and_counters_may_be_absent(tiny):
    ignored = ("classifier", "num_batches_tracked")
    kept = {name: value for name, value in tiny.items() if not any(x in name for x in ignored)}
    assert 0 < len(kept) < len(tiny)
    _same(_load(kept), _load(tiny))
    assert "classifier" not in _load(tiny)["params"]
    with pytest.raises(UserError, match=re.escape("missing: classifier.weight")):
        _load(kept, classifier=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({LAST: None}, f"missing: {LAST}"),
        ({"conv6_1_3x3.weight": np.ones(3)}, "unexpected: conv6_1_3x3.weight"),
        ({"conv2_1_1x1_down.bias": np.ones(3)}, "unexpected: conv2_1_1x1_down.bias"),
        ({LAST: np.ones(5)}, rf"{LAST}: shape \(5,\), expected \(128,\)"),
        ({LAST: np.full(128, np.inf)}, f"{LAST}: has values that are not finite"),
    ],
)
def test_other_weights_are_refused(tiny, change, message):
    changed = {**tiny, **change}
    with pytest.raises(UserError, match=message):
        _load({k: v for k, v in changed.items() if v is not None})


def test_nothing_is_loaded_from_half_prefixed_names(tiny):
    """What the released code meets with the raw file: it loads nothing and says nothing."""
    renamed = {f"cnn.{name}": value for name, value in tiny.items()}
    counted = sum("num_batches_tracked" not in name for name in tiny)
    missing = counted - 2  # the classifier is not asked for
    with pytest.raises(UserError, match=f"{missing + counted} problems"):
        _load(renamed)


def test_backbone_moves_into_a_temporal_model(tiny):
    head = CNNGRU(**recipe.TINY, token_width=6, hidden=2)
    features = jnp.ones((1, 3, 128))
    variables = jax.jit(functools.partial(head.init, train=False))(jax.random.key(0), features)
    assert set(variables) == {"params"}
    joined = with_backbone(variables, _load(tiny))
    _same(joined["params"]["backbone"], _load(tiny)["params"]["backbone"])
    _same(joined["params"]["gru0"], variables["params"]["gru0"])
    frames = jnp.asarray(recipe.make_frames(image_size=64))
    logits, _ = jax.jit(functools.partial(head.apply, train=False))(joined, frames)
    assert logits.shape == (1, 2, 7)


def test_convert_writes_a_work_directory(tmp_path, capsys, monkeypatch):
    """At full depth, narrow: the width is the one thing a file of this test's size cannot have."""
    monkeypatch.setattr(resnet50_ft, "ResNet50", functools.partial(ResNet50, width=4))
    wanted = resnet50_ft._wanted(ResNet50(width=4, num_classes=9))
    tensors = jax.tree.leaves(wanted, is_leaf=lambda x: hasattr(x, "convert"))
    state_dict = recipe.make_state_dict({tensor.name: tensor.shape for tensor in tensors})
    np.savez(tmp_path / "resnet50_ft_dag.npz", **state_dict)
    resnet50_ft.convert(str(tmp_path / "resnet50_ft_dag.npz"), str(tmp_path / "out"))
    printed = capsys.readouterr().out
    assert "loaded 267 tensors" in printed
    assert "9 identities\nmissing 0, unexpected 0" in printed
    steps = checkpoint.list_checkpoints(str(tmp_path / "out"), best_metric="war")
    restored, metadata = checkpoint.load_weights(str(tmp_path / "out"), steps["last"])
    assert restored["params"]["backbone"]["stage5_block3"]["conv1"]["kernel"].shape == (
        1, 1, 128, 32,
    )  # fmt: skip
    assert metadata["model"]["kwargs"]["normalisation"] == "vggface2_rgb"
    model = create_model(metadata["model"]["name"], **metadata["model"]["kwargs"])
    assert model == ResNet50(num_classes=9)
    with pytest.raises(UserError, match="exists and is not empty"):
        resnet50_ft.convert(str(tmp_path / "resnet50_ft_dag.npz"), str(tmp_path / "out"))


def test_command_line(tmp_path, commands):
    np.savez(tmp_path / "other.npz", **{"fc.weight": np.ones((2, 2))})
    command = ["dfer_jax.interop", "resnet50_ft", tmp_path / "other.npz"]
    bare = commands.run(*command)
    assert bare.returncode == 2
    other = commands.run(*command, tmp_path / "out")
    assert other.returncode == 1
    assert "has no classifier.weight" in other.stderr and "Traceback" not in other.stderr
    assert not (tmp_path / "out").exists()
