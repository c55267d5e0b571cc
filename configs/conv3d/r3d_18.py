"""R3D-18 on DFEW, one official fold.

Published: the DFEW project's own weights, without TIM: UAR 45.11, WAR 55.70.

    dfer train configs/conv3d/r3d_18.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("r3d_18")
