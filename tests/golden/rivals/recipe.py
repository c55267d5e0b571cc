"""What the goldens of the compared networks are made from; weights as in GCA+IAL's recipe."""

from collections.abc import Mapping

import numpy as np
from golden import gca_ial_recipe

LABELS = np.array([3, 5, 0, 6])
_SMALL = {"num_frames": 8, "image_size": 32}
_FEW = {"num_frames": 3, "image_size": 32}
TINY = {  # network -> frames and their side, at width 8
    "r3d_18": {"num_frames": 8, "image_size": 16},
    "mc3_18": {"num_frames": 4, "image_size": 16},
    "r2plus1d_18": {"num_frames": 8, "image_size": 16},
    "hara_resnet18_a": _SMALL,
    "hara_resnet18_b": _SMALL,
    "c3d": {"num_frames": 16, "image_size": 32},
    "i3d": {"num_frames": 16, "image_size": 48},
    **dict.fromkeys(("resnet18", "resnet18_gru", "resnet18_lstm"), _FEW),
    **dict.fromkeys(("vgg13", "vgg16", "vgg11_lstm", "vgg13_lstm", "vgg16_lstm"), _FEW),
    "dfew_reslstm": _FEW,
    "former_dfer": {"num_frames": 4, "image_size": 64},
    "nr_dfernet": {"num_frames": 6, "image_size": 64},
    "m3dfel": {"num_frames": 8, "image_size": 16},
    "stt": {"num_frames": 5, "image_size": 32},
    "p3d63": {"num_frames": 16, "image_size": 32},
}


def make_array(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the tensor of this reference name: biases of an LSTM are biases, 3D kernels kernels.

    All others are those of GCA+IAL's recipe.
    """
    random = gca_ial_recipe.random_of(name)
    if name.rsplit(".", 1)[-1].startswith("bias") and len(shape) == 1:
        value = random.uniform(-0.1, 0.1, shape)
    elif len(shape) == 5 and shape[0] > 1:
        value = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    else:
        return gca_ial_recipe.make_array(name, shape)
    return value.astype(np.float32)


def make_state_dict(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns every tensor of a network with these names and shapes."""
    return {name: make_array(name, shape) for name, shape in shapes.items()}


def make_clips(*, num_frames, image_size):
    """Returns float32 [4, t, h, w, 3] in [0, 1]."""
    return gca_ial_recipe.make_clips(
        num_clips=len(LABELS), num_frames=num_frames, image_size=image_size
    )
