"""GCA+IAL on MAFW, eleven classes, one official fold, with the recipe of DFEW.

No result of GCA+IAL on MAFW is published. Others', five folds, best epoch on test (UAR/WAR):
Former-DFER 31.16/43.27, T-ESFL 33.28/48.18 (the data set's own), DFER-CLIP 39.89/52.55, SVFAP-B
41.19/54.28, MAE-DFER 41.62/54.31, S2D 41.86/57.37, S4D 43.72/58.44. Always the commonest class: UAR
9.1, WAR 16.0. Fold 1 is the hardest for all of them.

    dfer build mafw/single --manual_dir <folder of the release>
    dfer train configs/mafw.py fold=1

43 classes: data.dataset=mafw/compound; the canonical seven alone: data.dataset=mafw/seven
"""

from configs import base


def get_config():
    """Returns the experiment."""
    config = base.get_config()
    config.name = "mafw"
    config.fold = 1
    config.data.dataset = "mafw/single"
    config.data.num_folds = 5
    return config
