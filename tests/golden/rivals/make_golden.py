"""Makes the goldens of the compared networks at width 8: what PyTorch computes.

    PYTHONPATH=tests python tests/golden/rivals/make_golden.py [NETWORK ...]

Needs PyTorch and NumPy, nothing of this package; the tests need only the files.
"""

import pathlib
import sys

import numpy as np
import torch
from golden.rivals import recipe, torch_conv3d, torch_frames, torch_transformers

HERE = pathlib.Path(__file__).parent
NETWORKS = {
    **torch_conv3d.NETWORKS,
    **torch_frames.NETWORKS,
    **torch_transformers.NETWORKS,
}
WIDTH = 8


def golden(name: str) -> dict[str, np.ndarray]:
    """Returns names, shapes, outputs, training loss and gradient norms of a network."""
    clips = torch.from_numpy(recipe.make_clips(**recipe.TINY[name]))
    model = NETWORKS[name](width=WIDTH, **_size(name)).eval()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = recipe.make_state_dict(shapes)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    x = clips.permute(0, 4, 1, 2, 3).contiguous()  # [b, c, t, h, w]
    with torch.no_grad():
        logits, features, *more = model(x)
    loss = torch.nn.functional.cross_entropy(model.train()(x)[0], torch.from_numpy(recipe.LABELS))
    loss.backward()
    grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    named = {"snippet_logits": more[0].numpy()} if more else {}  # of NR-DFERNet
    return named | {
        "names": np.array(list(shapes)),
        "shapes": np.array([" ".join(map(str, shape)) for shape in shapes.values()]),
        "logits": logits.numpy(),
        "features": features.numpy(),
        "loss": loss.detach().numpy(),
        "gradient_names": np.array(list(grads)),
        "gradient_norms": np.array([np.linalg.norm(g.numpy()) for g in grads.values()]),
    }


def _size(name: str) -> dict[str, int]:
    """Arguments that follow from the size of the frames."""
    return {
        "c3d": {"side": 2},
        "dfew_reslstm": {"frames": 3},
        "former_dfer": {"frames": 4, "places": 16},
        "nr_dfernet": {"frames": 6, "side": 2},
        "m3dfel": {"frames": 8},
        "stt": {"frames": 5, "places": 4, "depth": 1},
    }.get(name, {})


def main() -> None:
    """Writes the files beside this script."""
    for name in sys.argv[1:] or NETWORKS:
        found = golden(name)
        np.savez_compressed(HERE / f"{name}.npz", **found)
        size = (HERE / f"{name}.npz").stat().st_size
        print(name, size, "bytes; logits", found["logits"].std(), "loss", found["loss"])


if __name__ == "__main__":
    main()
