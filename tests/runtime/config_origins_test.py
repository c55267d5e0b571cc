import importlib
from pathlib import Path

import ml_collections
import pytest

from dfer_jax.runtime import config_origins

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = [
    p for folder in (".", "rdfer", "dfew_variants") for p in CONFIGS.glob(f"{folder}/[!_]*.py")
]
NAMES = sorted(
    path.relative_to(CONFIGS).with_suffix("").as_posix().replace("/", ".")
    for path in FILES
    if "def get_config" in path.read_text()  # else a list for dfer compare
)


def _line(path, text):
    """Place of the only line that has the text."""
    (number,) = [
        number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line
    ]
    return f"configs/{path.relative_to(CONFIGS).as_posix()}:{number}"


@pytest.mark.parametrize("name", [*NAMES, "synthetic_frames:gru"])
def test_every_value_of_every_file_has_the_place_that_set_it(name):
    name, *argument = name.split(":")
    with config_origins.recorded() as origins:
        config = importlib.import_module(f"configs.{name}").get_config(*argument)
    values, places = config_origins.leaves(config), origins.of(config)
    assert list(values) == list(places)
    for field, place in places.items():
        path, line = place.split(":")
        source = (CONFIGS.parent / path).read_text().splitlines()[int(line) - 1]
        whole = any(part in source for part in ("{", "_HEADS", "type(config", "[field]"))
        assert field.split(".")[-1] in source or whole, (field, place, source)
    assert places["name"].startswith(f"configs/{name.replace('.', '/')}.py:")


def test_the_last_assignment_counts():
    with config_origins.recorded() as origins:
        config = importlib.import_module("configs.rdfer.rdfer_dfew").get_config()
    places = origins.of(config)
    rdfer = CONFIGS / "rdfer" / "rdfer_dfew.py"
    assert places["train.epochs"] == _line(rdfer, "train.epochs")
    assert places["data.dataset"] == _line(CONFIGS / "dfew.py", "data.dataset")
    assert places["optim.momentum"] == _line(CONFIGS / "base.py", "optim.momentum = ")
    assert places["model.hidden"] == _line(
        CONFIGS / "rdfer" / "rdfer_dfew.py", "config.model = type"
    )


def test_levels_references_and_updates_of_all_kinds():
    with config_origins.recorded() as origins:
        config = ml_collections.ConfigDict({"a": 1, "deep": {"b": {"c": (1, 2)}}})
        config.from_dict = {"x": 1, "y": {"z": 2}}
        config.other = config.get_ref("a")
        config.update({"deep": {"b": {"c": (3, 4)}}})
        config.empty = ml_collections.ConfigDict()
        config.a = 5
    places = origins.of(config)
    lines = {field: int(place.split(":")[1]) for field, place in places.items()}
    first = lines["a"] - 6
    assert config_origins.leaves(config)["other"] == 5
    assert {field: line - first for field, line in lines.items()} == {
        "a": 6,
        "deep.b.c": 4,
        "from_dict.x": 2,
        "from_dict.y.z": 2,
        "other": 3,
        "empty": 5,
    }


def test_assignments_are_as_they_were_afterwards():
    before = ml_collections.ConfigDict.__setitem__
    with pytest.raises(ZeroDivisionError), config_origins.recorded():
        raise ZeroDivisionError
    assert ml_collections.ConfigDict.__setitem__ is before
