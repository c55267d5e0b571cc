"""S2D's checkpoint and its landmark network's become one work directory."""

import numpy as np
import pytest
import rivals_case

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.export.card import card_of
from dfer_jax.interop import by_name
from dfer_jax.models.vit.s2d import S2D
from dfer_jax.runs import checkpoint


class Tiny(S2D):
    """S2D with one narrow block."""

    width: int = 32
    num_heads: int = 2
    depth: int = 1


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The released names of a tiny network, a file each for network and landmarks."""
    monkeypatch.setitem(models.MODELS, "s2d", Tiny)
    shapes = rivals_case.own(Tiny())
    prefix = "landmark."
    of_landmark = {n for n in shapes if n.startswith(prefix)}
    for path, names in (("s2d", shapes.keys() - of_landmark), ("landmark", of_landmark)):
        arrays = {n.removeprefix(prefix): np.full(shapes[n], 0.5, np.float32) for n in names}
        np.savez(tmp_path / f"{path}.npz", **arrays)
    return str(tmp_path / "s2d.npz"), str(tmp_path / "landmark.npz")


def test_both_files_become_one_network_whose_classes_are_in_the_order_of_its_data(
    files, tmp_path, capsys
):
    network, landmark = files
    out = str(tmp_path / "run")
    by_name.convert("s2d", network, out, others=[landmark], dataset="ferv39k")
    weights, metadata = checkpoint.load_last_weights(out)
    assert weights["params"]["landmark"]["conv1.conv"]["kernel"].shape == (3, 3, 3, 64)
    alphabetical = sorted(metadata["classes"])
    assert metadata["classes"] == alphabetical, "DFEW's order is another"
    inputs = metadata["preprocess"]
    assert (inputs["sampling"], inputs["frame_step"], inputs["test_views"]) == ("strided", 1, 2)
    assert "published: FERV39k UAR 41.28, WAR 52.56;" in capsys.readouterr().out
    assert "Apache-2.0" in card_of(out)
    by_name.convert("s2d", network, str(tmp_path / "dfew"), others=[landmark])
    _, metadata = checkpoint.load_last_weights(str(tmp_path / "dfew"))
    assert (metadata["dataset"], metadata["classes"][0]) == ("dfew/f16", "happiness")
    assert metadata["preprocess"]["sampling"] == "uniform", "of a long video all of it is seen"


@pytest.mark.parametrize("given", [0, 1], ids=["network", "landmark"])
def test_one_file_of_two_is_a_sentence(files, given, tmp_path):
    told = (
        rf"{files[given]} holds \d+ of the \d+ tensors of s2d, .* published as 2 files; give all 2"
    )
    with pytest.raises(UserError, match=told):
        by_name.convert("s2d", files[given], str(tmp_path / "run"))
