"""Optimized IAL on DFEW: the probability-gap loss with exponential decay (APSIPA ASC 2024).

Published: WAR 69.204 for A = 1, lambda = 0.03 (Table III, model 2.2) on ONE fold, very likely
fold 1, after clips of fewer than 16 frames were dropped; alpha 0.7 was chosen on the test fold.
--config.data.min_frames=16 is that filter; --config.loss.gap_form=faithful is the loss as printed.

    python -m dfer_jax.main --config configs/dfew_exp_decay.py
"""

from configs import dfew


def get_config():
    """Returns the experiment."""
    config = dfew.get_config()
    config.name = "dfew_exp_decay"
    config.loss.ial_weight = 0.0
    config.loss.gap_weight = 0.7
    config.loss.gap_decay_rate = 0.03
    return config
