"""VGG-11 and LSTM on DFEW, one official fold, the 3D networks' recipe.

Published: UAR 42.39, WAR 53.70 with TIM.

    dfer train configs/recurrent/vgg11_lstm.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("vgg11_lstm")
