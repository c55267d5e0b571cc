"""GCA+IAL on CREMA-D, one of five folds by actor, with the recipe of DFEW.

No result of GCA+IAL on CREMA-D is published. Another system's, on the same folds with crops of the
faces and the best epoch on the test fold: MAE-DFER UAR 77.33, WAR 77.38 (its repository). Six
classes; always the commonest: UAR 16.7, WAR 17.1. Crop the faces before building.

    dfer build cremad/asked --manual_dir <folder of the release, or of its crops>
    dfer train configs/cremad.py fold=1

What viewers of the face saw, instead of what the actor was asked to show: data.dataset=cremad/seen
"""

from configs import base


def get_config():
    """Returns the experiment."""
    config = base.get_config()
    config.name = "cremad"
    config.fold = 1
    config.data.dataset = "cremad/asked"
    config.data.num_folds = 5
    return config
