"""MAE-DFER on DFEW, one official fold, with the released code's recipe of fine-tuning.

Published: UAR 63.41, WAR 74.43 over five folds, last epoch, two views; FERV39k 43.12, 52.07, MAFW
41.62, 54.31 (re-runs that are released: 43.29, 52.50 and 42.36, 55.03).

    dfer train configs/vit/mae_dfer.py fold=1 train.init_from=runs/mae_dfer_pretrained
"""

from configs.vit import base


def get_config():
    """Returns the experiment."""
    config = base.of_network(
        "mae_dfer",
        depth=16,  # blocks
        region=(2, 5, 10),  # tubelets of a region: time, height, width
        learning_rate=3.75e-4,
    )
    config.train.batch_size = 96
    return config
