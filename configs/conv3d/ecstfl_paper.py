"""The DFEW paper's rows with EC-STFL, one official fold; the network is chosen behind a colon.

Published, five folds pooled, clips interpolated to 16 frames (UAR, WAR): c3d 45.10, 55.50;
hara_resnet18_b ("3D Resnet18") 45.35, 56.51; p3d63 45.22, 56.48; r3d_18 45.05, 56.19; i3d 45.05,
56.19; vgg11_lstm 44.78, 56.25; resnet18_lstm 43.60, 54.72.

    dfer train configs/conv3d/ecstfl_paper.py:c3d fold=1

Deviates: learning rates are those of the DFEW code, where the paper's come from a grid search;
later tables call the row R3D18 "R(2+1)D18".
"""

from configs.conv3d import c3d, hara_resnet18_b, i3d, p3d63, r3d_18
from configs.recurrent import resnet18_lstm, vgg11_lstm
from dfer_jax.errors import UserError

_NETWORKS = {
    "c3d": c3d,
    "hara_resnet18_b": hara_resnet18_b,
    "i3d": i3d,
    "p3d63": p3d63,
    "r3d_18": r3d_18,
    "resnet18_lstm": resnet18_lstm,
    "vgg11_lstm": vgg11_lstm,
}


def of_paper(network):
    """Returns the experiment of a network of the paper: TIM, batches of 24, cross-entropy."""
    if network not in _NETWORKS:
        raise UserError(f"there is no row of {network!r}; choose from {', '.join(_NETWORKS)}")
    config = _NETWORKS[network].get_config()
    config.data.sampling = "interpolated"
    config.train.batch_size = 24
    return config


def get_config(network="hara_resnet18_b"):
    """Returns the experiment."""
    config = of_paper(network)
    config.name = f"ecstfl_{network}"
    config.loss.ecstfl_weight = 10.0
    return config
