"""MAE-DFER on DFEW, one official fold, with the released code's recipe of fine-tuning.

Published: UAR 63.41, WAR 74.43 over five folds, last epoch, two views; FERV39k 43.12, 52.07, MAFW
41.62, 54.31 (re-runs that are released: 43.29, 52.50 and 42.36, 55.03).

    dfer train configs/vit/mae_dfer.py fold=1 train.init_from=runs/mae_dfer_fold1

Deviates: starts from random weights, or from those of another run, where the code starts from its
own pre-training on VoxCeleb2.
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    config = base.of_network(
        "mae_dfer",
        image_size=160,
        width=512,
        normalisation="imagenet",
        num_heads=8,
        patch_size=16,  # pixels of a tubelet's side; it has 2 frames
        depth=16,  # blocks
        region=(2, 5, 10),  # tubelets of a region: time, height, width
        drop_path=0.1,  # of the last block, training
    )
    config.data.decode_size = 224
    config.augment.area = (0.08, 1.0)
    config.augment.ratio = (3 / 4, 4 / 3)
    config.augment.flip_probability = 0.5
    config.loss.label_smoothing = 0.1
    config.optim.weight_decay = 0.05
    config.optim.schedule = "warmup_cosine"
    config.optim.learning_rate = 3.75e-4
    config.optim.warmup_epochs = 5.0
    config.optim.final_learning_rate = 3.75e-7
    config.train.batch_size = 96
    config.train.epochs = 100
    return config
