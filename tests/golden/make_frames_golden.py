"""Makes the goldens of the per-frame models: what PyTorch computes for the weights of the recipe.

    PYTHONPATH=tests python tests/golden/make_frames_golden.py

Needs PyTorch and NumPy, nothing of this package; the tests need only the files. They hold outputs,
the loss, the norm of every gradient and the smaller gradients whole.
"""

import pathlib

import numpy as np
import torch
from golden import frames_recipe as recipe
from golden.torch_frames import TorchGRU, TorchResNet50, TorchTransformer
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
WHOLE = 2500


def with_weights(model: nn.Module) -> tuple[nn.Module, dict[str, np.ndarray]]:
    """Returns the network with the recipe's weights, and their names and shapes as arrays."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = recipe.make_state_dict(shapes)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    named = {
        "names": np.array(list(shapes)),
        "shapes": np.array([" ".join(map(str, shape)) for shape in shapes.values()]),
    }
    return model, named


def images(size: str) -> torch.Tensor:
    """Returns the frames of the recipe as [n, 3, h, w]."""
    frames = recipe.make_frames(image_size=recipe.IMAGE_SIZES[size])[0]
    return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()


def evaluate(model: nn.Module, x: torch.Tensor, prefix: str = "eval") -> dict[str, np.ndarray]:
    """Returns logits and features with the running statistics."""
    with torch.no_grad():
        logits, features = model.eval()(x)
    return {f"{prefix}/logits": logits.numpy(), f"{prefix}/features": features.numpy()}


def differentiate(model: nn.Module, x: torch.Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the loss in training mode (mean over labelled frames), statistics and gradients."""
    logits, _ = model.train()(x)
    target = torch.from_numpy(labels).flatten()
    loss = F.cross_entropy(logits.flatten(0, -2), target, ignore_index=-1)
    loss.backward()
    grads = {name: value.grad.numpy() for name, value in model.named_parameters()}
    found = {
        "train/loss": loss.detach().numpy(),
        "gradient_names": np.array(list(grads)),
        "gradient_norms": np.array([np.linalg.norm(g) for g in grads.values()]),
    }
    found |= {f"running/{k}": v.numpy() for k, v in model.named_buffers() if "running_" in k}
    return found | {f"gradient/{k}": v for k, v in grads.items() if v.size <= WHOLE}


def resnet_tiny(*, se: bool) -> dict[str, np.ndarray]:
    """Returns everything of a narrow, shallow ResNet, at an even and an odd size of the maps."""
    model, named = with_weights(TorchResNet50(**recipe.TINY, se=se))
    found = named | evaluate(model, images("even")) | evaluate(model, images("odd"), "odd")
    return found | differentiate(model, images("odd"), np.array([3, 5]))


def temporal(model: nn.Module) -> dict[str, np.ndarray]:
    """Returns everything of a temporal model of full size."""
    model, named = with_weights(model)
    features = torch.from_numpy(recipe.make_features(2048))
    found = named | evaluate(model, features)
    return found | differentiate(model, features, recipe.LABELS)


def main() -> None:
    """Writes the files beside this script."""
    resnet, named = with_weights(TorchResNet50())
    goldens = {
        "resnet50.npz": named | evaluate(resnet, images("even")),
        "resnet50_tiny.npz": resnet_tiny(se=False),
        "se_resnet50_tiny.npz": resnet_tiny(se=True),
        "cnn_gru.npz": temporal(TorchGRU(num_layers=2)),
        "cnn_gru_one_layer.npz": temporal(TorchGRU(num_layers=1)),
        "cnn_transformer.npz": temporal(TorchTransformer()),
    }
    for file, golden in goldens.items():
        np.savez_compressed(HERE / file, **golden)
        print(file, (HERE / file).stat().st_size, "bytes; torch", torch.__version__)
        for name in ("eval/logits", "eval/features"):
            value = golden[name]
            print(" ", name, value.shape, f"mean {value.mean():.3f} std {value.std():.3f}")


if __name__ == "__main__":
    main()
