"""PyTorch's statements: none is missing, those of released weights give the official outputs."""

import numpy as np
import pytest
import rivals_case
from golden.pretrained import recipe

from dfer_jax.interop import by_name

torch = pytest.importorskip("torch")


def _with_weights(network, shapes):
    assert {k: tuple(v.shape) for k, v in network.state_dict().items() if v.ndim} == shapes
    arrays = recipe.make_tensors(shapes)
    if "conv_layer_s2_same.weight" in arrays:
        arrays["conv_layer_s2_same.weight"] *= np.float32(0.01)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    network.load_state_dict(tensors, strict=False)  # BatchNorm's counters are not there
    return network.eval()


def _numbers(found):
    return found.detach().numpy()


def test_every_network_that_tables_compare_has_a_statement():
    from benchmarks.speed.pytorch.network_torch import Network

    assert {*Network.names()} == {"gca_ial", "rdfer", *by_name.NAMES}


@pytest.mark.parametrize("given", [{}, {"segment": 6}])
def test_frames_shift_as_one_by_one(given):
    from golden.torch_rdfer import shift

    maps = torch.from_numpy(recipe.make_noise("maps", (12, 20, 3, 5))).float()
    found, segment = shift(maps, **given), given.get("segment", 4)
    for n, frame in enumerate(found):
        later, earlier, rest = frame.split((2, 2, 16))
        place, none = n % segment, torch.zeros(2, 3, 5)
        assert torch.equal(later, maps[n + 1, :2] if place < segment - 1 else none), n
        assert torch.equal(earlier, maps[n - 1, 2:4] if place else none), n
        assert torch.equal(rest, maps[n, 4:]), n


def test_emo_affectnet_is_the_released_one():
    from golden.pretrained.torch_emo_affectnet import Dynamic

    golden = recipe.read("emo_affectnet")
    parts = (rivals_case.published(f"emo_affectnet_{part}") for part in ("static", "lstm"))
    network = _with_weights(Dynamic(), {k: v for part in parts for k, v in part.items()})
    pictures = 0.5 + recipe.make_noise("input", (2, 224, 224, 3))[..., ::-1]
    pictures = torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2)
    logits = network.fc2(network.frame_features(pictures[:, :, None])[:, 0])
    np.testing.assert_allclose(_numbers(logits), golden["static_logits"], atol=1e-5)
    features = np.maximum(0.1 + recipe.make_noise("input", (2, 10, 512)), 0).astype(np.float32)
    logits, _ = network.of_features(torch.from_numpy(features))
    np.testing.assert_allclose(_numbers(logits.softmax(1)), golden["lstm_probabilities"], atol=1e-6)


def test_s2d_is_the_official_one():
    from golden.pretrained.torch_s2d import S2D

    class Map(torch.nn.Module):
        def forward(self, _):
            noise = 2 * recipe.make_noise("landmark", (8, 16, 14, 14))
            return torch.from_numpy(noise.astype(np.float32))

    golden = recipe.read("s2d")
    network = S2D(d=32, heads=2, depth=3, patch=4, frames=4, classes=5)
    network.landmark, network.patch_embed_prompt.proj = Map(), torch.nn.Conv2d(16, 32, 1)
    shapes = {name: tuple(shape) for name, shape in golden["tensors"].items()}
    network = _with_weights(network, shapes)
    pictures = torch.from_numpy(recipe.make_clips(golden["input"])).permute(0, 1, 4, 2, 3)
    logits, features = network.classify(pictures.flatten(0, 1), *pictures.shape[:2])
    np.testing.assert_allclose(_numbers(logits), golden["logits"], atol=1e-5)
    np.testing.assert_allclose(_numbers(features[:, :8]), golden["features_first8"], atol=1e-5)


def test_the_landmark_map_is_the_official_one():
    from golden.pretrained.torch_s2d import MobileFaceNet

    network = _with_weights(MobileFaceNet(), rivals_case.published("s2d_landmark"))
    pictures = torch.from_numpy(recipe.make_clips((1, 1, 3, 224, 224))[0]).permute(0, 3, 1, 2)
    expected = recipe.read("s2d")["landmark_network"]["map_channels_0_to_3_at_row_2_column_7"]
    np.testing.assert_allclose(_numbers(network(pictures)[0, :4, 2, 7]), expected, rtol=1e-5)
