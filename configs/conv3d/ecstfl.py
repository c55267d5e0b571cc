"""R3D-18 with EC-STFL on DFEW, one official fold, with the recipe of the authors' later code.

Published: the code's log of fold 1 has WAR 64.08, without EC-STFL 62.02 (best epoch on the test
fold). The paper's rows, with clips interpolated to 16 frames and loss.ecstfl_form=paper: 3D
ResNet-18 45.35, 56.51; C3D 45.10, 55.50 (UAR, WAR).

    dfer train configs/conv3d/ecstfl.py fold=1
    dfer train configs/conv3d/ecstfl.py fold=1 loss.ecstfl_weight=0

Deviates: the code's augmentation is not known to us; that of Former-DFER is taken.
"""

from configs.transformers import former_dfer


def get_config():
    """Returns the experiment."""
    config = former_dfer.get_config()
    config.name = "ecstfl"
    config.model.name = "r3d_18"
    config.loss.ecstfl_weight = 10.0
    config.loss.ecstfl_form = "code"
    config.optim.decay_epochs = 50.0
    config.train.epochs = 200
    return config
