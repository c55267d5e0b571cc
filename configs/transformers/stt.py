"""STT on DFEW, one official fold: a reconstruction of the network and of its compact loss.

Published: UAR 54.58, WAR 66.65 over five folds (recalls 87.36, 67.90, 64.97, 71.24, 53.10, 3.49,
34.04; a later table prints WAR 66.45); FERV39k 37.76, 48.11. Not to be expected from this.

    dfer train configs/transformers/stt.py fold=1

No code is public: sizes, formula and weight of the loss and the recipe (Former-DFER's) are ours.
"""

from configs.transformers import former_dfer


def get_config():
    """Returns the experiment."""
    config = former_dfer.get_config()
    config.name = "stt"
    config.model.name = "stt"
    config.model.depth = 4  # blocks of a spatial and a temporal layer
    config.loss.compact_weight = 0.1
    return config
