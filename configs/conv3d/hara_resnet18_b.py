"""3D ResNet-18 with convolutions as shortcuts on DFEW, one official fold.

Published: UAR 44.73, WAR 54.98 with TIM; 46.52, 58.27 with sampled frames (Former-DFER).

    dfer train configs/conv3d/hara_resnet18_b.py fold=1
"""

from configs.conv3d import base


def get_config():
    """Returns the experiment."""
    return base.of_network("hara_resnet18_b")
