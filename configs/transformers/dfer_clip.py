"""DFER-CLIP on DFEW, one official fold, with the released code's recipe.

Published: UAR 59.61, WAR 71.25 over five folds, best epoch on the test fold; FERV39k 41.27, 51.65;
MAFW 39.89, 52.55. The release starts from OpenAI's CLIP; here it is fine-tuned from weights that
were imported:

    dfer import dfer_clip dfer_clip_fold1.pth imported
    dfer train configs/transformers/dfer_clip.py fold=1 train.init_from=imported

Deviates: the classes' vectors are trained with the rate of the prompts that the release makes them
from.
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    config = base.of_network("dfer_clip", image_size=224)
    config.model.width = 768
    config.data.sampling = "padded"
    config.augment.area = (0.08, 1.0)
    config.augment.ratio = (3 / 4, 4 / 3)
    config.augment.flip_probability = 0.5
    config.augment.brightness = 0.5
    config.optim.name = "sgd"
    config.optim.learning_rate = 1e-2
    config.optim.factors.image_encoder = 1e-3
    config.optim.factors.text_features = 1e-1
    config.optim.weight_decay = 1e-4
    config.optim.schedule = "multi_step"
    config.optim.milestones = (30, 40)
    config.optim.decay_rate = 0.1
    config.train.batch_size = 48
    config.train.epochs = 50
    return config
