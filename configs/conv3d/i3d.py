"""I3D on RGB on DFEW, one official fold.

Published: UAR 43.40, WAR 54.27 with TIM; the DFEW project's own weights, without: 47.61, 59.24.

    dfer train configs/conv3d/i3d.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("i3d", image_size=224, dropout=0.5)
