"""EMO-AffectNet's ResNet-50 of stills alone, the mean of frames, on DFEW, one official fold.

Published on AffectNet's validation set of seven classes: accuracy 66.4 and 66.5.

    dfer train configs/recurrent/emo_affectnet_static.py fold=1 train.init_from=runs/stills

Deviates: as `emo_affectnet.py`, and frames of clips instead of stills.
"""

from configs.recurrent import emo_affectnet


def get_config():
    """Returns the experiment."""
    return emo_affectnet.get_config("emo_affectnet_static", frames=4)
