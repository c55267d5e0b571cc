"""VGG-13 on every frame, averaged, on DFEW, one official fold, the 3D networks' recipe.

Published: FERV39k: UAR 31.19, WAR 41.02.

    dfer train configs/recurrent/vgg13.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("vgg13")
