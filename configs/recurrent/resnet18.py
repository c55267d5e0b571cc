"""ResNet-18 on every frame, averaged, on DFEW, one official fold, the 3D networks' recipe.

Published: FERV39k: UAR 30.30, WAR 39.33.

    dfer train configs/recurrent/resnet18.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("resnet18")
