"""3D ResNet-18 with shortcuts without parameters on DFEW, one official fold.

Published: the paper does not say which shortcuts it has.

    dfer train configs/conv3d/hara_resnet18_a.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("hara_resnet18_a")
