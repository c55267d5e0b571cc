"""CNN-Transformer on windows of nine frames of Aff-Wild2, as aff_wild2_gru.py with another head.

    dfer train configs/aff_wild2_transformer.py

The paper gives no figure of it alone, but one of its weighted sum with the CNN: 0.4818. The
released code has model.dropout=0.5.
"""

from configs import aff_wild2_cnn


def get_config():
    """Returns the experiment."""
    config = aff_wild2_cnn.get_config()
    config.name = "aff_wild2_transformer"
    config.data.window = 9
    config.data.stride = 4
    config.data.features = True
    config.model.name = "cnn_transformer"
    config.model.token_width = 768
    config.model.num_heads = 12
    config.model.num_layers = 2
    config.model.dropout = 0.1
    config.optim.learning_rate = 1e-3
    config.train.init_from = "runs/aff_wild2_cnn"
    return config
