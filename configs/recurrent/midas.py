"""ResNet-18 with MIDAS on DFEW, one official fold: votes as soft labels, two clips mixed in one.

R. Kawamura et al., WACV 2024, arXiv 2503.00202. Published: ResNet18 + MIDAS UAR 57.45, WAR 69.16
over five folds (recalls of neutral, anger, surprise 58.64, 68.06, 59.65).

    dfer train configs/recurrent/midas.py fold=1

Needs the votes in the data set (annotation.zip, extracted, when it is built). With the labels it is
ordinary mixup: data.soft_labels=''.

A reconstruction: no code is public. Known are the mixture of frames and of vote shares and the
cross-entropy with it; the law of the share, Beta(0.2, 0.2), how frames become one feature, and the
recipe, Former-DFER's, are ours.
"""

from configs.transformers import former_dfer


def get_config():
    """Returns the experiment."""
    config = former_dfer.get_config()
    config.name = "midas"
    config.model.name = "resnet18"
    config.data.soft_labels = "votes"
    config.mix.mixup_alpha = 0.2
    return config
