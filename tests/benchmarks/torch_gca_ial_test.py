"""The fast PyTorch network computes what the plain one of the parity tests computes."""

import numpy as np
import pytest
from golden import gca_ial_recipe as recipe

torch = pytest.importorskip("torch")

from golden.torch_gca_ial import TorchGCAIAL as Plain  # noqa: E402
from golden.torch_gca_ial import losses  # noqa: E402

from benchmarks.speed.pytorch import torch_gca_ial  # noqa: E402
from dfer_jax.interop.gca_ial import unused_names  # noqa: E402

OPTIONS = {"width": 8, "image_size": 48, "num_frames": 5, "num_classes": 7, "reduction": 4}
LABELS = torch.tensor([3, 5])


@pytest.fixture
def both():
    """Returns the fast and the plain network with the same weights."""
    plain, fast = Plain(**OPTIONS), torch_gca_ial.TorchGCAIAL(**OPTIONS)
    shapes = {name: tuple(value.shape) for name, value in plain.state_dict().items()}
    arrays = recipe.make_state_dict(shapes)
    counters = {name for name in arrays if name.endswith("num_batches_tracked")}
    unread = set(unused_names(arrays)) - counters
    weights = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    plain.load_state_dict(weights)
    fast.load_state_dict({k: v for k, v in weights.items() if k not in unread})
    return fast.to(memory_format=torch.channels_last), plain


@pytest.fixture(scope="module")
def clips():
    """Returns uint8 clips [b, t, h, w, 3]."""
    made = recipe.make_clips(num_clips=2, num_frames=5, image_size=48)
    return torch.from_numpy((made * 255).astype(np.uint8))


def scaled(clips):
    return clips.permute(0, 1, 4, 2, 3).float() / 255


@torch.no_grad()
def test_evaluation(both, clips):
    fast, plain = (network.eval() for network in both)
    logits, features, auxiliary = fast(clips)
    expected, named = plain(scaled(clips))
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(features, named["features"], atol=1e-5)
    assert auxiliary == [None, None] and expected.abs().max() > 0.1


def test_training_loss_and_every_gradient(both, clips):
    fast, plain = (network.train() for network in both)
    logits, _, auxiliary = fast(clips)
    loss = torch_gca_ial.loss(logits, auxiliary, LABELS)
    loss.backward()
    expected = losses(*plain(scaled(clips)), LABELS)["total"]
    expected.backward()
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-6)
    theirs = dict(plain.named_parameters())
    for name, parameter in fast.named_parameters():
        gradient = theirs.pop(name).grad.numpy()
        limit = 1e-5 + 1e-5 * np.abs(gradient).max()
        np.testing.assert_allclose(parameter.grad, gradient, atol=limit, err_msg=name)
    assert all(parameter.grad is None for parameter in theirs.values())


def test_maps_stay_channels_last(both, clips):
    fast, _ = both
    found = []
    for module in fast.modules():
        if isinstance(module, torch.nn.Conv2d) and module.groups == 1 and module.kernel_size[0] > 1:
            module.register_forward_pre_hook(
                lambda _, given: found.append(
                    given[0].is_contiguous(memory_format=torch.channels_last)
                )
            )
    with torch.no_grad():
        fast.eval()(clips)
    assert len(found) == 15 and all(found)
