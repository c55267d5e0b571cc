"""Former-DFER on DFEW, one official fold, with the released code's recipe.

Published: UAR 53.69, WAR 65.70 over five folds, best epoch on the test fold; the authors' logs end
at 65.16. On FERV39k 37.20, 46.85, in the authors' README 36.88, 45.72.

    dfer train configs/transformers/former_dfer.py fold=1

Deviates: frames come from segments of real-valued width, as everywhere here.
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    config = base.of_network("former_dfer")
    config.data.segments = 8
    config.data.frames_per_segment = 2
    config.augment.area = (0.08, 1.0)
    config.augment.ratio = (3 / 4, 4 / 3)
    config.augment.flip_probability = 0.5
    config.optim.name = "sgd"
    config.optim.learning_rate = 0.01
    config.optim.weight_decay = 1e-4
    config.optim.schedule = "staircase"
    config.optim.decay_rate = 0.1
    config.optim.decay_epochs = 40.0
    return config
