"""SVFAP-B on DFEW, one official fold, with the released code's recipe of fine-tuning.

Published: UAR 62.83, WAR 74.27 over five folds, last epoch, two views; FERV39k 42.14, 52.29, MAFW
41.19, 54.28 (re-runs that are released: 63.89, 74.81; 43.05, 52.86; 43.51, 56.31).

    dfer train configs/vit/svfap_b.py fold=1 train.init_from=runs/svfap_pretrained
"""

from configs.vit import base


def get_config():
    """Returns the experiment."""
    config = base.of_network(
        "svfap_b",
        stages=(12, 6, 3),  # blocks; each stage but the first halves time
        bottleneck=8,  # tokens of a time step in these
        learning_rate=2.5e-4,
    )
    config.train.batch_size = 64
    return config
