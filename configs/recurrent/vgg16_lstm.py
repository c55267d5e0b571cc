"""VGG-16 and LSTM on DFEW, one official fold, the 3D networks' recipe.

Published: FERV39k: UAR 30.93, WAR 41.70.

    dfer train configs/recurrent/vgg16_lstm.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("vgg16_lstm")
