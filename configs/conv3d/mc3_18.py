"""MC3-18 on DFEW, one official fold.

Published: the DFEW project's own weights, without TIM: UAR 46.50, WAR 57.02.

    dfer train configs/conv3d/mc3_18.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("mc3_18")
