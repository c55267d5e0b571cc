"""RDFER on FERV39k, as reconstructed; its results on FERV39k are not known to us.

dfer train configs/rdfer/rdfer_ferv39k.py
"""

from configs import ferv39k
from configs.rdfer import rdfer_dfew


def get_config():
    """Returns the experiment."""
    config = rdfer_dfew.get_config()
    config.name = "rdfer_ferv39k"
    config.fold = 0
    of_data = ferv39k.get_config().data
    for field in ("dataset", "num_folds", "train_split", "test_split", "validation_split"):
        config.data[field] = of_data[field]
    return config
