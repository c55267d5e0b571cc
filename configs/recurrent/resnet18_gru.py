"""ResNet-18 and GRU on DFEW, one official fold, the 3D networks' recipe.

Published: UAR 51.68, WAR 64.02 with sampled frames (Former-DFER).

    dfer train configs/recurrent/resnet18_gru.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("resnet18_gru")
