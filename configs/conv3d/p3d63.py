"""P3D-63 on DFEW, one official fold.

Published: UAR 43.97, WAR 54.47 with TIM.

    dfer train configs/conv3d/p3d63.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("p3d63", image_size=160, dropout=0.5)
