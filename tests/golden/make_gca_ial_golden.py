"""Makes gca_ial.npz and gca_ial_tiny.npz: what PyTorch computes for the weights of the recipe.

    python tests/golden/make_gca_ial_golden.py

Needs PyTorch and NumPy, nothing of this package; the tests need only the files. The full-size file
holds outputs, losses, gradient norms and loss trajectories, the tiny one also every gradient.
"""

import pathlib

import gca_ial_recipe as recipe
import numpy as np
import torch
from torch_gca_ial import TorchGCAIAL, losses

HERE = pathlib.Path(__file__).parent
LABELS = (3, 5)
# Rate, weight decay, number of losses. At the released rate float32 itself goes astray after two:
# PyTorch's float32 and float64 differ by 9e-7, 3e-5, 4e-3 relative.
TRAJECTORIES = {"small": (2e-5, 5.0, 6), "released": (1e-3, 0.1, 2)}
TINY = {"width": 8, "image_size": 48, "num_frames": 5, "reduction": 4}


def make_model(options: dict) -> tuple[TorchGCAIAL, dict]:
    """Returns the network with the recipe's weights, and the shapes of its state dict."""
    model = TorchGCAIAL(**options)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = recipe.make_state_dict(shapes)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model, shapes


def make_clips(options: dict) -> torch.Tensor:
    """Returns the clips of the recipe as [b, t, 3, h, w]."""
    clips = recipe.make_clips(
        num_clips=len(LABELS),
        num_frames=options.get("num_frames", 16),
        image_size=options.get("image_size", 112),
    )
    return torch.from_numpy(clips).permute(0, 1, 4, 2, 3).contiguous()


def evaluate(options: dict) -> dict[str, np.ndarray]:
    """Returns logits and intermediates with the running statistics."""
    model, _ = make_model(options)
    with torch.no_grad():
        logits, named = model.eval()(make_clips(options))
    return {f"eval/{k}": v.numpy() for k, v in {"logits": logits, **named}.items()}


def differentiate(options: dict) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the training-mode losses and statistics, and every parameter's gradient."""
    model, _ = make_model(options)
    clips, labels = make_clips(options), torch.tensor(LABELS)
    terms = losses(*model.train()(clips), labels)
    terms["total"].backward()
    found = {f"train/{name}": value.detach().numpy() for name, value in terms.items()}
    found |= {
        f"running/{name}": value.numpy()
        for name, value in model.state_dict().items()
        if "running_" in name
    }
    gradients = {
        name: value.grad.numpy()
        for name, value in model.named_parameters()
        if value.grad is not None
    }
    return found, gradients


def train(options: dict, rate: float, decay: float, num_losses: int) -> np.ndarray:
    """Returns the total losses of successive SGD steps on the same two clips."""
    model, _ = make_model(options)
    clips, labels = make_clips(options), torch.tensor(LABELS)
    optimiser = torch.optim.SGD(model.parameters(), rate, momentum=0.9, weight_decay=decay)
    trajectory = []
    for _ in range(num_losses):
        optimiser.zero_grad()
        total = losses(*model.train()(clips), labels)["total"]
        total.backward()
        optimiser.step()
        trajectory.append(total.item())
    return np.array(trajectory)


def make_golden(options: dict, *, small: bool) -> dict[str, np.ndarray]:
    """Returns the content of one golden file; a small network's has every array."""
    _, shapes = make_model(options)
    train_mode, gradients = differentiate(options)
    golden = {
        "names": np.array(list(shapes)),
        "shapes": np.array([" ".join(map(str, shape)) for shape in shapes.values()]),
        "labels": np.array(LABELS, np.int32),
        "gradient_names": np.array(list(gradients)),
        "gradient_norms": np.array([np.linalg.norm(g) for g in gradients.values()]),
        **evaluate(options),
        **train_mode,
    }
    for name, setting in TRAJECTORIES.items():
        golden[f"trajectory/{name}"] = train(options, *setting)
    if small:
        return golden | {f"gradient/{name}": value for name, value in gradients.items()}
    large = ("running/", "eval/dynamic", "eval/static", "eval/tokens")
    return {name: value for name, value in golden.items() if not name.startswith(large)}


def main() -> None:
    """Writes both files beside this script."""
    for file, options in (("gca_ial_tiny.npz", TINY), ("gca_ial.npz", {})):
        golden = make_golden(options, small=options is TINY)
        np.savez_compressed(HERE / file, **golden)
        print(file, (HERE / file).stat().st_size, "bytes; torch", torch.__version__)
        for name in golden:
            if name.startswith(("train/", "trajectory/", "eval/logits", "eval/aux")):
                print(" ", name, np.array_str(np.asarray(golden[name]), precision=5))


if __name__ == "__main__":
    main()
