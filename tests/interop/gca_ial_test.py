import pathlib

import jax
import numpy as np
import pytest
from golden import gca_ial_recipe as recipe

from dfer_jax.errors import UserError
from dfer_jax.interop import gca_ial
from dfer_jax.labels import CLASSES
from dfer_jax.models import create_model
from dfer_jax.runs import checkpoint

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "gca_ial.npz"
LAST = "s_former.layer4.2.bn2.weight"


@pytest.fixture(scope="module")
def official():
    """A stand-in for a released checkpoint: its 181 names and shapes, other values."""
    golden = np.load(GOLDEN)
    shapes = {
        str(name): tuple(int(n) for n in shape.split())
        for name, shape in zip(golden["names"], golden["shapes"], strict=True)
    }
    return recipe.make_state_dict(shapes)


@pytest.fixture(scope="module")
def variables(official):
    return gca_ial.from_state_dict(official)


def _same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_every_number_of_the_release_is_accounted_for(official, variables):
    stored = sum(x.size for name, x in official.items() if "running" not in name)
    unused = {name: official[name].size for name in gca_ial.unused_names(official)}
    counters = [name for name in unused if name.endswith("num_batches_tracked")]
    loaded = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in variables.items()}
    assert (len(official), len(counters), len(unused)) == (181, 18, 33)
    assert stored - len(counters) == 19_083_527
    assert sum(unused.values()) - len(counters) == 146_752
    assert loaded == {"params": 18_936_775, "batch_stats": 6_912}


def test_tree_is_that_of_the_model(variables):
    model = create_model("gca_ial")
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jax.numpy.zeros((1, 16, 112, 112, 3)), train=False)
    )
    assert jax.tree.structure(variables) == jax.tree.structure(dict(shapes))
    jax.tree.map(
        lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype) or pytest.fail(), variables, shapes
    )


def test_layouts(official, variables):
    params = variables["params"]
    where = {
        "s_former.conv1.0.weight": (params["stem_conv1"]["kernel"], (5, 2, 0, 1), (0, 1, 2, 5)),
        "s_former.layer2.0.gc.0.weight": (
            params["layer2"]["gate"]["kernel"],
            (9, 0, 3, 4),
            (3, 4, 9),
        ),
        "s_former.layer3.0.fc1.0.weight": (
            params["layer3"]["gate"]["fc1"]["kernel"],
            (15, 200, 0, 0),
            (200, 15),
        ),
        "fc_f.weight": (params["classifier"]["kernel"], (6, 4000), (4000, 6)),
        "s_former.pos_embedding": (params["temporal_positions"], (0, 15, 77), (0, 15, 77)),
    }
    for name, (ours, theirs_at, ours_at) in where.items():
        assert ours[ours_at] == official[name][theirs_at], name
    statistics = variables["batch_stats"]["static_bn"]
    _same(statistics["var"], official["s_former.patch_embedding.1.running_var"])


def test_data_parallel_prefix(official, variables):
    prefixed = {f"module.{name}": value for name, value in official.items()}
    _same(gca_ial.from_state_dict(prefixed), variables)
    assert gca_ial.unused_names(prefixed) == gca_ial.unused_names(official)
    mixed = {**official, "module.fc_f.bias": official["fc_f.bias"]}
    with pytest.raises(UserError, match=r"unexpected: module\.fc_f\.bias"):
        gca_ial.from_state_dict(mixed)


def test_unused_tensors_may_be_absent(official, variables):
    unused = set(gca_ial.unused_names(official))
    kept = {name: value for name, value in official.items() if name not in unused}
    _same(gca_ial.from_state_dict(kept), variables)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({LAST: None}, f"missing: {LAST}"),
        ({"s_former.layer5.0.bn1.weight": np.ones(3)}, "unexpected: s_former.layer5.0.bn1.weight"),
        ({LAST: np.ones(255)}, rf"{LAST}: shape \(255,\), expected \(256,\)"),
        ({LAST: np.ones(256, int)}, f"{LAST}: type int64, expected a floating type"),
        ({LAST: np.full(256, np.nan)}, f"{LAST}: has values that are not finite"),
        ({"s_former.layer3.0.AUX_fc.1.weight": None}, "missing: s_former.layer3.0.AUX_fc.1.weight"),
    ],
)
def test_other_weights_are_refused(official, change, message):
    changed = {**official, **change}
    with pytest.raises(UserError, match=message):
        gca_ial.from_state_dict({k: v for k, v in changed.items() if v is not None})


def test_all_problems_are_listed_at_once(official):
    changed = {name: value for name, value in official.items() if not name.startswith("fc_f")}
    with pytest.raises(UserError) as caught:
        gca_ial.from_state_dict({**changed, LAST: np.ones(1), "head.bias": np.ones(7)})
    for part in ("4 problems", "fc_f.weight", "fc_f.bias", "head.bias", LAST):
        assert part in str(caught.value)
    with pytest.raises(UserError, match="148 problems"):
        gca_ial.from_state_dict({})


def test_convert_writes_a_work_directory(official, variables, tmp_path, capsys):
    np.savez(tmp_path / "best.npz", **official)
    workdir = tmp_path / "run"
    gca_ial.convert(str(tmp_path / "best.npz"), str(workdir))
    printed = capsys.readouterr().out
    assert "loaded 148 tensors: 18,936,775 parameters, 6,912 running statistics" in printed
    assert "skipped 33 tensors" in printed
    assert all(name in printed for name in gca_ial.unused_names(official))
    steps = checkpoint.list_checkpoints(str(workdir), best_metric="war")
    restored, metadata = checkpoint.load_weights(str(workdir), steps["last"])
    _same(restored, variables)
    assert metadata["classes"] == list(CLASSES)
    assert metadata["source"] == "best.npz"
    kwargs = metadata["model"]["kwargs"]
    assert create_model("gca_ial", **{**kwargs, "aux_stages": tuple(kwargs["aux_stages"])}) == (
        create_model("gca_ial")
    )
    with pytest.raises(UserError, match="exists and is not empty"):
        gca_ial.convert(str(tmp_path / "best.npz"), str(workdir))


def test_command_line_needs_two_arguments(tmp_path, commands):
    command = ["dfer_jax.interop", "gca_ial"]
    bare = commands.run(*command)
    assert bare.returncode == 2
    assert "expected three arguments: NAME FILE OUT" in bare.stderr
    missing = commands.run(*command, tmp_path / "no.npz", tmp_path / "out")
    assert missing.returncode == 1
    assert missing.stderr.strip() == f"error: there is no file {tmp_path / 'no.npz'}"
    assert not (tmp_path / "out").exists()
