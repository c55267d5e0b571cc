"""The static CNN, small, on videos of rendered faces: minutes on a laptop, no GPU needed.

    dfer build synthetic_dfer/frames
    dfer train configs/synthetic_frames.py

then a head on its frozen backbone, or action units:

    dfer train configs/synthetic_frames.py:gru
    dfer train configs/synthetic_frames.py:transformer
    dfer train configs/synthetic_frames.py:au
"""

from configs import frames_base
from dfer_jax.errors import UserError

_HEADS = {
    "gru": {"name": "cnn_gru", "token_width": 128, "hidden": 64, "num_layers": 2},
    "transformer": {
        "name": "cnn_transformer",
        "token_width": 128,
        "num_heads": 4,
        "num_layers": 2,
        "dropout": 0.1,
    },
}


def get_config(system: str = "cnn"):
    """Returns the experiment of one of the systems: cnn, gru, transformer, au."""
    if system not in ("cnn", "au", *_HEADS):
        raise UserError(f"there is no {system!r}; choose cnn, au, {' or '.join(_HEADS)}")
    config = frames_base.get_config()
    config.name = "synthetic_frames"
    config.data.dataset = "synthetic_dfer/frames"
    config.data.decode_size = 64
    config.model.image_size = 64
    config.model.width = 16
    config.model.stage_sizes = (1, 1, 1, 1)
    config.model.normalisation = "imagenet"
    config.optim.learning_rate = 0.05
    config.optim.milestones = (3, 5)
    config.train.batch_size = 64
    config.train.epochs = 6
    if system == "cnn":
        return config
    config.name = f"synthetic_frames_{system}"
    if system == "au":
        config.data.labels = "action_units"
        return config
    config.model.update(_HEADS[system])
    config.data.window, config.data.stride = 9, 4
    config.data.features = True
    config.train.init_from = "runs/synthetic_frames"
    return config
