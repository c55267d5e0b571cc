"""M3DFEL on DFEW, one official fold, with the released code's recipe.

Published: UAR 56.10, WAR 69.25 over five folds, best epoch on the test fold; FERV39k 35.94, 47.67.
Users of the code report WAR 66.5 to 67.9.

    dfer import r3d_18 r3d_18-b3b3357e.pth runs/kinetics
    dfer train configs/conv3d/m3dfel.py fold=1 train.init_from=runs/kinetics

The first reads torchvision's Kinetics-400 weights, from which the paper starts; LSTM, attention and
classifier are new. Without train.init_from all weights are.

Deviates: of the colour jitter only the brightness; frames are evenly spaced at test, where the code
moves them at random.
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    config = base.of_network("m3dfel")
    config.augment.area = (0.08, 1.0)
    config.augment.ratio = (3 / 4, 4 / 3)
    config.augment.flip_probability = 0.5
    config.augment.brightness = 0.4
    config.loss.label_smoothing = 0.1
    config.optim.weight_decay = 0.05
    config.optim.schedule = "warmup_cosine"
    config.optim.learning_rate = 5e-4
    config.optim.warmup_epochs = 20.0
    config.optim.final_learning_rate = 5e-6
    config.train.batch_size = 256
    config.train.accumulation_steps = 8
    config.train.epochs = 300
    return config
