"""GCA+IAL on DFEW, one official fold, with the released code's recipe.

Published (AAAI 2023, Table I d): UAR 55.71, WAR 69.24 over five folds, best epoch on the test fold.
"Deviates" from the released code: frames come from segments of real-valued width and no clip is
dropped. data.sampling=official data.min_frames=16 is the release to the letter.

    dfer build dfew/full --manual_dir <folder of the release>
    dfer train configs/dfew.py fold=1

Ablations of the paper:
    Table I    loss.ial_weight=0|0.1, without GCA model.attention=none NO_AUX
    Table II   model.attention=se|cbam|gca loss.ial_weight=0, without aux NO_AUX
    Table III  model.reduction=8|16 loss.ial_weight=0.1|0.15|0.3
    where NO_AUX is model.aux_stages='()' loss.aux_weights='()'
"""

from configs import base


def get_config():
    """Returns the experiment."""
    config = base.get_config()
    config.name = "dfew"
    config.fold = 1
    config.data.dataset = "dfew/full"
    config.data.num_folds = 5
    return config
