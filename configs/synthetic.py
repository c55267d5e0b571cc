"""GCA+IAL, small, on the rendered faces of synthetic_dfer: minutes on a laptop, no GPU needed.

    dfer build synthetic_dfer/tiny
    dfer train configs/synthetic.py

The network is the published one at a quarter of its width, 8 frames of 64 x 64; learning rate and
weight decay are retuned for so small a network and so few clips.
`benchmarks/claims/synthetic_claims.py` asks the claims of the papers with it, several seeds each,
and prints the tables.
"""

from configs import base


def get_config():
    """Returns the experiment."""
    config = base.get_config()
    config.name = "synthetic"
    config.data.dataset = "synthetic_dfer/tiny"
    config.data.segments = 8
    config.data.decode_size = 72
    config.model.image_size = 64
    config.model.width = 16
    config.optim.learning_rate = 0.02
    config.optim.weight_decay = 5e-4
    config.train.batch_size = 20
    config.train.epochs = 8
    return config
