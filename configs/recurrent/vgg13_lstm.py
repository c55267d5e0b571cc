"""VGG-13 and LSTM on DFEW, one official fold, the 3D networks' recipe.

Published: FERV39k: UAR 32.41, WAR 43.37.

    dfer train configs/recurrent/vgg13_lstm.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("vgg13_lstm")
