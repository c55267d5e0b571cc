"""ResNet-50 on single frames of Aff-Wild2, action units.

Published: 0.6734 (F1 .4701, accuracy .8768).

dfer train configs/aff_wild2_au.py train.init_from=runs/vggface2
"""

from configs import aff_wild2_cnn


def get_config():
    """Returns the experiment."""
    config = aff_wild2_cnn.get_config()
    config.name = "aff_wild2_au"
    config.data.dataset = "aff_wild2/au"
    config.data.labels = "action_units"
    config.optim.learning_rate = 1e-4
    config.train.batch_size = 48
    return config
