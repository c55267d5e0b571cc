"""Weights that others publish, read in: what is known of them is kept, and shown on the card."""

import jax
import numpy as np
import pytest
import rivals_case

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.export.card import card_of
from dfer_jax.interop import by_name
from dfer_jax.interop.masked_autoencoder import as_classifier
from dfer_jax.interop.release import MAFW_CLASSES
from dfer_jax.interop.releases import RELEASES
from dfer_jax.models.vit.mae_dfer import MAEDFER
from dfer_jax.runs import checkpoint
from tfds_builders.mafw import labels


class Tiny(MAEDFER):
    """MAE-DFER with one narrow block."""

    num_frames: int = 8
    image_size: int = 64
    width: int = 32
    depth: int = 1
    region: tuple[int, int, int] = (2, 2, 2)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(models.MODELS, "mae_dfer", Tiny)


def _state_dict(num_classes=7):
    shapes = rivals_case.own(Tiny(num_classes=num_classes))
    return {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}


def _imported(tmp_path, weights, **options):
    np.savez(tmp_path / "weights.npz", **weights)
    out = str(tmp_path / "run")
    by_name.convert("mae_dfer", str(tmp_path / "weights.npz"), out, **options)
    return out


def test_eleven_classes_are_those_of_mafw_and_the_card_says_whose_weights_these_are(
    tmp_path, capsys
):
    out = _imported(tmp_path, _state_dict(11))
    _, metadata = checkpoint.load_last_weights(out)
    assert tuple(metadata["classes"]) == MAFW_CLASSES, "DFEW's order is another"
    assert metadata["dataset"] == "mafw/single"
    inputs = metadata["preprocess"]
    assert (inputs["sampling"], inputs["frame_step"], inputs["test_views"]) == ("strided", 4, 2)
    assert (inputs["decode_size"], inputs["image_size"]) == (224, 64)
    assert metadata["model"]["kwargs"]["normalisation"] == "imagenet"
    printed = capsys.readouterr().out
    assert "published: MAFW fold 1 UAR 36.11, WAR 46.71" in printed, "which scores to expect"
    assert "research only" in printed, "terms of the data"
    card = card_of(out)
    for text in (
        "| MAFW fold 5 | 41.66 | 55.27 |",
        "github.com/sunlicai/MAE-DFER at 80b651d, MIT",
        "VoxCeleb2: for research",
        "commercial use is not cleared",
        f"| sha256 of that file | {metadata['source_sha256']} |",
    ):
        assert text in card, f"the card lacks {text!r}"


def test_the_data_set_is_named_where_the_classes_do_not_tell_it(tmp_path, capsys):
    out = _imported(tmp_path, _state_dict(), dataset="ferv39k")
    _, metadata = checkpoint.load_last_weights(out)
    assert metadata["dataset"] == "ferv39k/all_scenes"
    inputs = metadata["preprocess"]
    assert inputs["frame_step"] == 1, "its frames follow each other"
    assert (inputs["window_span"], inputs["stride_span"]) == ("0.64s", "0.32s"), "one view of video"
    assert "\ntrained on ferv39k/all_scenes\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("mafw", "--dataset=mafw has 11 classes, the weights tell 7 apart"),
        ("afew", "its authors publish no weights of that; choose from dfew, ferv39k, mafw"),
    ],
)
def test_another_data_set_is_refused(dataset, message):
    with pytest.raises(UserError, match=message):
        RELEASES["mae_dfer"].trained_on(7, dataset)
    assert RELEASES["mae_dfer"].trained_on(5) is None, "five classes are nobody's"


def test_a_data_set_says_nothing_of_networks_of_which_nothing_is_known(tmp_path):
    with pytest.raises(UserError, match="--dataset=dfew is for networks of which that is known"):
        by_name._trained_on("c3d", models.create_model("c3d"), "dfew")


def test_the_encoder_of_a_pre_training_is_a_start_with_a_new_head(tmp_path, capsys):
    whole = _state_dict()
    encoder = {f"encoder.{k}": v for k, v in whole.items() if not k.startswith(("head", "fc_norm"))}
    others = ("encoder.norm.weight", "decoder.norm.weight", "mask_token")
    out = _imported(tmp_path, encoder | {name: np.ones(32, np.float32) for name in others})
    weights, metadata = checkpoint.load_last_weights(out)
    assert metadata["classes"] == ["untrained"] and metadata["dataset"] == "voxceleb2"
    np.testing.assert_array_equal(weights["params"]["fc_norm"]["scale"], np.ones(32))
    np.testing.assert_array_equal(weights["params"]["lg_region_tokens"], np.full((8, 32), 0.5))
    assert not np.any(jax.tree.leaves(weights["params"]["head"])[1]), "the head is new"
    printed = capsys.readouterr().out
    assert all(name in printed for name in others), "what is left out is named"
    assert as_classifier(whole) == (whole, []), "trained weights stay as they are"


def test_orders_of_classes_are_those_of_the_data_sets():
    assert MAFW_CLASSES == labels.WORDS
    for name, release in RELEASES.items():
        for weights in release.weights:
            assert weights.classes[0] in ("happiness", "anger", "neutral", "untrained"), name
