"""The DFEW paper's rows with centre loss, one official fold; the network is chosen behind a colon.

Published, five folds pooled, clips interpolated to 16 frames (UAR, WAR): c3d 43.44, 54.17;
hara_resnet18_b ("3D Resnet18") 44.91, 55.48.

    dfer train configs/conv3d/centre_loss.py:c3d fold=1

Deviates: as `ecstfl_paper`; of the loss the paper gives the weight alone.
"""

from configs.conv3d import ecstfl_paper


def get_config(network="hara_resnet18_b"):
    """Returns the experiment."""
    config = ecstfl_paper.of_paper(network)
    config.name = f"centre_loss_{network}"
    config.loss.centre_weight = 1e-4
    return config
