"""Optimized IAL on DFEW: large amplitude, fast decay (strategy 1, APSIPA ASC 2024).

Published: WAR 68.54 on average over its settings, on one fold. Amplitude and rate are lost; 5 and
0.2 are placeholders of the same kind: weight 1 at epoch 8, 0.09 at epoch 20.

    dfer train configs/dfew_variants/dfew_fast_decay.py data.min_frames=16
"""

from configs.dfew_variants import dfew_gap


def get_config():
    """Returns the experiment."""
    config = dfew_gap.get_config()
    config.name = "dfew_fast_decay"
    config.loss.gap_decay_amplitude = 5.0
    config.loss.gap_decay_rate = 0.2
    return config
