"""A published checkpoint of DFER-CLIP becomes a work directory, every name accounted for."""

import dfer_clip_case
import numpy as np
import pytest
import rivals_case

from dfer_jax import models
from dfer_jax.errors import UserError
from dfer_jax.export.card import card_of
from dfer_jax.interop import by_name, dfer_clip
from dfer_jax.models.vit.dfer_clip import DFERCLIP
from dfer_jax.recognition import weights

ENDS = [25, 30, 26, 27, 25, 26, 27]  # of the published descriptions


@pytest.fixture(scope="module")
def published():
    return dfer_clip_case.checkpoint()


def test_ends_of_the_published_texts_are_found(published):
    tokens = published[dfer_clip_case.TOKENS]
    names = ("token_prefix", "ctx", "token_suffix")
    pieces = [published[f"prompt_learner.{name}"] for name in names]
    assert dfer_clip.ends_of_texts(pieces, end=tokens[49407]).tolist() == ENDS
    with pytest.raises(UserError, match=r"text 0 of prompt_learner\.token_suffix has no end"):
        dfer_clip.ends_of_texts([*pieces[:2], np.zeros_like(pieces[2])], end=tokens[49407])


def test_every_published_name_is_known_and_no_other():
    names = rivals_case.published("dfer_clip")
    zeros = {name: np.broadcast_to(np.float32(0), shape) for name, shape in names.items()}
    del zeros["text_encoder.text_projection"]
    zeros["prompt_learner.more"] = zeros["clip_model_.logit_scale"]
    with pytest.raises(UserError, match="3 problems") as caught:
        dfer_clip.as_classifier(zeros)
    assert "missing: text_encoder.text_projection" in str(caught.value)
    assert "unexpected: clip_model_.text_projection" in str(caught.value)
    assert "unexpected: prompt_learner.more" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clip_model_.visual.proj": None}, r"clip_model_\.visual\.proj is missing"),
        ({"clip_model_.ln_final.bias": np.ones(64, np.float32)}, "ln_final.bias is another"),
        ({"prompt_learner.ctx": np.zeros((8, 64), np.float32)}, r"ctx \(8, 64\).*for each class"),
    ],
)
def test_what_was_not_published_so_is_refused(published, change, said):
    tensors = {k: v for k, v in (published | change).items() if v is not None}
    with pytest.raises(UserError, match=said):
        dfer_clip.as_classifier(tensors)


class Tiny(DFERCLIP):
    """The network of the vectors."""

    image_size: int = 64
    width: int = 64
    depth: int = 2


def test_a_file_of_eleven_classes_becomes_a_work_directory(published, tmp_path, monkeypatch):
    monkeypatch.setitem(models.MODELS, "dfer_clip", Tiny)
    eleven = [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3]
    copies = [name for name in published if name.startswith("clip_model_.")]
    tensors = {
        f"module.{name}": value[eleven] if name.startswith("prompt_learner.") else value
        for name, value in published.items()
        if name not in copies or name == dfer_clip_case.TOKENS
    }
    np.savez(tmp_path / "mafw.npz", **tensors)
    out = str(tmp_path / "run")
    by_name.convert("dfer_clip", str(tmp_path / "mafw.npz"), out)
    (network,) = weights.load([out]).networks
    assert network.member.classes[6:] == (
        "fear",
        "contempt",
        "anxiety",
        "helplessness",
        "disappointment",
    )
    assert network.member.metadata["dataset"] == "mafw/single"
    assert network.member.inputs["sampling"] == "padded", "its rule for short clips"
    texts = network.variables["params"]["text_features"]
    expected = np.asarray(dfer_clip_case.vectors()["text_features_first8"])[eleven]
    np.testing.assert_allclose(texts[:, :8], expected, atol=1e-6)
    assert "39.89" in card_of(out), "the published score"
