"""EMO-AffectNet's two files become one work directory, and each alone one of its own."""

import jax.numpy as jnp
import numpy as np
import pytest
import rivals_case

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.export.card import card_of
from dfer_jax.export.folder import write_folder
from dfer_jax.interop import by_name, emo_affectnet
from dfer_jax.models.recurrent.emo_affectnet import EmoAffectNet, EmoAffectNetStatic
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.runs import checkpoint


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The released names at width 8, a file each for stills and LSTM."""
    for name, kind in (
        ("emo_affectnet", EmoAffectNet),
        ("emo_affectnet_static", EmoAffectNetStatic),
    ):
        narrow = type(
            kind.__name__,
            (kind,),
            {"__annotations__": {"width": int}, "width": 8, "__module__": __name__},
        )
        monkeypatch.setitem(models.MODELS, name, narrow)
    shapes = rivals_case.own(models.create_model("emo_affectnet"))
    for part in ("static", "lstm"):
        names = rivals_case.published(f"emo_affectnet_{part}")
        weights = {name: np.full(shapes[name], 0.5, np.float32) for name in names}
        counters = {} if part == "lstm" else {"batch_norm1.num_batches_tracked": np.int64(3)}
        np.savez(tmp_path / f"{part}.npz", **weights, **counters)
    return str(tmp_path / "static.npz"), str(tmp_path / "lstm.npz")


def test_both_files_become_one_network_with_the_released_order_of_classes(files, tmp_path, capsys):
    static, lstm = files
    out = str(tmp_path / "run")
    by_name.convert("emo_affectnet", static, out, others=[lstm])
    _, metadata = checkpoint.load_last_weights(out)
    expected = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"]
    assert metadata["classes"] == expected
    assert metadata["source"] == "static.npz + lstm.npz"
    inputs = metadata["preprocess"]
    assert (inputs["fps"], inputs["window_span"], inputs["stride_span"]) == (5, "2s", "1s")
    assert inputs["crop"]["alignment"] == "box"
    printed = capsys.readouterr().out
    assert "Aff-Wild2 UAR 51.60; RAVDESS UAR 65.80" in printed
    assert "batch_norm1.num_batches_tracked" in printed
    card = card_of(out)
    assert "| SAVEE | 76.10 | - |" in card
    assert "restricts the models to scientific use" in card
    assert "VGGFace2: research only; AffectNet: research only" in card


def test_the_lstm_alone_takes_features_and_reads_no_video(files, tmp_path):
    out = str(tmp_path / "run")
    emo_affectnet.convert(files[1], out)
    weights, metadata = checkpoint.load_last_weights(out)
    assert set(weights["params"]) == {"lstm1", "lstm2", "fc"}
    model = models.create_model(metadata["model"]["name"])
    logits, _ = model.apply(weights, jnp.ones((2, 10, 64)), train=False)
    assert logits.shape == (2, 7)
    with pytest.raises(UserError, match="take features of frames, not pictures; import"):
        Recognizer.load(out)
    with pytest.raises(UserError, match="are a part of a network, which judges no clips"):
        write_folder(out, str(tmp_path / "folder"))


def test_one_file_of_two_is_named_as_such(files, tmp_path):
    static, lstm = files
    out = str(tmp_path / "run")
    for file in (static, lstm):
        with pytest.raises(UserError, match=r"tensors of emo_affectnet, .* as 2 files; give all 2"):
            by_name.convert("emo_affectnet", file, out)
    with pytest.raises(UserError, match=r"static\.npz holds .*, as a file before it does"):
        by_name.convert("emo_affectnet", static, out, others=[static])
    with pytest.raises(UserError, match=r"published as 1 file\(s\), but 2 were given"):
        by_name.convert("emo_affectnet_static", static, out, others=[lstm])
    by_name.convert("emo_affectnet_static", static, out)
    assert checkpoint.load_last_weights(out)[1]["dataset"] == "affectnet"


def test_a_file_of_keras_is_a_sentence(tmp_path):
    path = tmp_path / "weights_0_66_37_wo_gl.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(UserError, match="is a file of Keras, which is not read here; take the Py"):
        by_name.convert("emo_affectnet_static", str(path), str(tmp_path / "run"))
