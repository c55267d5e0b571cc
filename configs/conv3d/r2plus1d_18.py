"""R(2+1)D-18 on DFEW, one official fold.

Published: the paper prints UAR 42.79, WAR 53.22 (as "R3D18"), with TIM.

    dfer train configs/conv3d/r2plus1d_18.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("r2plus1d_18")
