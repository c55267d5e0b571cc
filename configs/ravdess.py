"""GCA+IAL on RAVDESS, spoken trials, one of six folds by actor, with the recipe of DFEW.

No result of GCA+IAL on RAVDESS is published. Another system's, on the same folds with crops of the
faces and the best epoch on the test fold: MAE-DFER UAR 75.91, WAR 75.56 (its repository). Eight
classes; always the commonest: UAR 12.5, WAR 13.3. Crop the faces before building.

    dfer build ravdess/speech --manual_dir <folder of the release, or of its crops>
    dfer train configs/ravdess.py fold=1

Sung trials, six classes: data.dataset=ravdess/song
"""

from configs import base


def get_config():
    """Returns the experiment."""
    config = base.get_config()
    config.name = "ravdess"
    config.fold = 1
    config.data.dataset = "ravdess/speech"
    config.data.num_folds = 6
    return config
