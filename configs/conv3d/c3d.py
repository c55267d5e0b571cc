"""C3D on DFEW, one official fold.

Published: UAR 42.74, WAR 53.54 with TIM.

    dfer train configs/conv3d/c3d.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("c3d", dropout=0.5)
