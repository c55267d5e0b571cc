"""CNN-GRU on windows of nine frames of Aff-Wild2, on the frozen backbone of aff_wild2_cnn.py.

    dfer train configs/aff_wild2_gru.py

The paper gives no figure of it alone, but one of its weighted sum with the CNN: 0.4817. What the
backbone makes of each frame is computed once and kept (23 GB for all of Aff-Wild2, half with
data.features_dtype=float16); the head then trains on that. The released code's network has
model.num_layers=1.
"""

from configs import aff_wild2_cnn


def get_config():
    """Returns the experiment."""
    config = aff_wild2_cnn.get_config()
    config.name = "aff_wild2_gru"
    config.data.window = 9
    config.data.stride = 4
    config.data.features = True
    config.model.name = "cnn_gru"
    config.model.token_width = 768
    config.model.hidden = 384  # in each direction
    config.model.num_layers = 2
    config.optim.learning_rate = 1e-3
    config.train.init_from = "runs/aff_wild2_cnn"
    return config
