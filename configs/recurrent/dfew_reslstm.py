"""The DFEW code's bottlenecks and LSTM on DFEW, one official fold, the 3D networks' recipe.

Published: the paper prints UAR 42.86, WAR 53.08 (as ResNet18+LSTM), with TIM.

    dfer train configs/recurrent/dfew_reslstm.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("dfew_reslstm")
