"""ResNet-50 on single frames of Aff-Wild2, expressions.

Published: 0.4815 (F1 .4124, accuracy .6216).

    dfer import resnet50_ft resnet50_ft_dag.pth runs/vggface2
    dfer train configs/aff_wild2_cnn.py train.init_from=runs/vggface2

These figures are on the validation split, of the epoch that is best on that same split. Without
train.init_from the network starts from random weights.
"""

from configs import frames_base


def get_config():
    """Returns the experiment."""
    config = frames_base.get_config()
    config.name = "aff_wild2_cnn"
    config.data.dataset = "aff_wild2/expr"
    config.data.test_split = "validation"
    return config
