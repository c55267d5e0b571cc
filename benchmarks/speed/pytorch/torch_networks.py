"""PyTorch's statement of every network that is compared, and what is minimised in training it."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.speed.network_work import Work
from benchmarks.speed.pytorch import torch_gca_ial

sys.path.append(str(Path(__file__).parents[3] / "tests"))  # the statements are the goldens'
from golden import rdfer_recipe, torch_rdfer
from golden.pretrained import recipe as pretrained
from golden.pretrained import torch_emo_affectnet, torch_s2d, torch_vits
from golden.rivals import recipe as rivals
from golden.rivals import torch_conv3d, torch_frames, torch_transformers

_PRETRAINED = {
    **torch_vits.NETWORKS,
    **torch_s2d.NETWORKS,
    **torch_emo_affectnet.NETWORKS,
}
NETWORKS = {
    **torch_conv3d.NETWORKS,
    **torch_frames.NETWORKS,
    **torch_transformers.NETWORKS,
    **_PRETRAINED,
    "rdfer": torch_rdfer.RDFER,
}
"""Name -> what makes the network as published; maps float32 [b, 3, t, h, w] to logits, features."""


def make(work: Work) -> tuple[nn.Module, Callable, Callable]:
    """Returns a network with weights, what classifies uint8 clips with it, and its loss.

    The weights keep the size of a signal, as those of the goldens: PyTorch's own would let that of
    a network without BatchNorm fade, and agreement would show nothing.
    """
    if work.network == "gca_ial":
        network = torch_gca_ial.TorchGCAIAL(**work.model_options())
        return network, network, torch_gca_ial.loss
    network = NETWORKS[work.network]()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    arrays = _arrays(work.network, shapes)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})

    def classify(clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list]:
        x = clips.permute(0, 4, 1, 2, 3).float() / 255  # channels last already
        logits, features, *_ = network(x)
        return logits, features, []

    return network, classify, _cross_entropy


def _arrays(name: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns weights by the rule of the network's golden."""
    if name == "rdfer":
        return {key: rdfer_recipe.make_array(key, shape) for key, shape in shapes.items()}
    if name not in _PRETRAINED:
        return rivals.make_state_dict(shapes)
    arrays = pretrained.make_tensors(shapes)
    if name in torch_emo_affectnet.NETWORKS:  # pictures are in the range of hundreds
        arrays["conv_layer_s2_same.weight"] *= np.float32(0.01)
    return arrays


def channels_last(network: nn.Module) -> nn.Module:
    """Returns the network with the kernels of its convolutions channels last, 2D and 3D."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in network.parameters():
        if parameter.ndim in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.ndim])
    return network


def _cross_entropy(logits: torch.Tensor, _auxiliary: list, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.float(), labels)
