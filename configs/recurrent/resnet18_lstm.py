"""ResNet-18 and LSTM on DFEW, one official fold, the 3D networks' recipe.

Published: UAR 42.86, WAR 53.08 with TIM; 51.32, 63.85 with sampled frames (Former-DFER).

    dfer train configs/recurrent/resnet18_lstm.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("resnet18_lstm")
