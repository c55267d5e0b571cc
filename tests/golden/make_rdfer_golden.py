"""Makes the goldens of RDFER's networks: what PyTorch computes for the weights of the recipe.

    PYTHONPATH=tests python tests/golden/make_rdfer_golden.py

Needs PyTorch and NumPy, nothing of this package; the tests need only the files. They hold outputs,
the loss, the norm of every gradient and the smaller gradients whole.
"""

import pathlib

import numpy as np
import torch
from golden import rdfer_recipe as recipe
from golden.torch_rdfer import TorchBag, TorchGate, TorchRDFER, TorchShiftedResNet, shift
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
WHOLE = 600


def with_weights(model: nn.Module) -> nn.Module:
    """Returns the network with the recipe's weights."""
    weights = {
        name: torch.from_numpy(recipe.make_array(name, tuple(value.shape)))
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(weights)
    return model


def as_float32(found: dict[str, torch.Tensor], prefix: str) -> dict[str, np.ndarray]:
    """Returns outputs as arrays."""
    return {f"{prefix}/{name}": value.detach().numpy() for name, value in found.items()}


def whole(**depths: int) -> dict[str, np.ndarray]:
    """Returns outputs of both networks, then loss and gradients with the batch's statistics."""
    model = with_weights(TorchRDFER(**depths, width=recipe.WIDTH, hidden=recipe.HIDDEN))
    clips = torch.from_numpy(recipe.make_clips()).permute(0, 1, 4, 2, 3).contiguous()
    with torch.no_grad():
        found = as_float32(model.eval()(clips), "eval")
    out, labels = model.train()(clips), torch.from_numpy(recipe.LABELS)
    loss = F.cross_entropy(out["logits"], labels) + 0.1 * F.cross_entropy(out["synopsis"], labels)
    for name, instances in (("synopsis_instances", 16), ("detail_instances", 4)):
        logits = out[name].flatten(0, 1)
        loss = loss + 0.1 * F.cross_entropy(logits, labels.repeat_interleave(instances))
    loss.backward()
    grads = {name: value.grad.numpy() for name, value in model.named_parameters()}
    found |= as_float32({"loss": loss, **out}, "train")
    found["names"] = np.array(list(model.state_dict()))
    found["gradient_names"] = np.array(list(grads))
    found["gradient_norms"] = np.array([np.linalg.norm(g) for g in grads.values()])
    return found | {f"gradient/{k}": v for k, v in grads.items() if v.size <= WHOLE}


def parts() -> dict[str, np.ndarray]:
    """Returns outputs of the building blocks alone."""
    frames = torch.from_numpy(recipe.make_clips()[0, :8]).permute(0, 3, 1, 2).contiguous()
    maps = torch.from_numpy(recipe.make_array("maps", (12, 20, 3, 5)))
    instances = torch.from_numpy(recipe.make_array("instances", (2, 5, recipe.HIDDEN)))
    wide = torch.from_numpy(recipe.make_array("wide", (2, 5, 2 * recipe.HIDDEN)))
    found = {
        "shift_by_4": shift(maps, 4),
        "shift_by_6": shift(maps, 6),
        "lstm": with_weights(TorchBag(5, recipe.HIDDEN)).lstm(instances)[0],
        "gate": with_weights(TorchGate(2 * recipe.HIDDEN))(wide),
    }
    for depth in (18, 50):
        model = with_weights(TorchShiftedResNet(depth, recipe.WIDTH)).eval()
        found[f"resnet{depth}"] = model(frames)
    return {name: value.detach().numpy() for name, value in found.items()}


def main() -> None:
    """Writes the files beside this script."""
    goldens = {
        "rdfer.npz": whole(synopsis_depth=10, detail_depth=18),
        "rdfer_parts.npz": parts(),
    }
    for file, golden in goldens.items():
        np.savez_compressed(HERE / file, **golden)
        print(file, (HERE / file).stat().st_size, "bytes; torch", torch.__version__)
        for name, value in golden.items():
            if value.dtype == np.float32 and "gradient" not in name:
                print(f"  {name} {value.shape} mean {value.mean():.3f} std {value.std():.3f}")


if __name__ == "__main__":
    main()
