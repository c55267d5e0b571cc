"""Optimized IAL on DFEW: the probability-gap loss with exponential decay (APSIPA ASC 2024).

Published: WAR 69.204 for A = 1, lambda = 0.03 (Table III, model 2.2) on ONE fold, very likely
fold 1, after clips of fewer than 16 frames were dropped; alpha 0.7 was chosen on the test fold.
data.min_frames=16 is that filter; loss.gap_form=faithful is the loss as printed.

    dfer train configs/dfew_variants/dfew_exp_decay.py

Table III's other decays: loss.gap_decay_rate=0.02|0.025|0.035|0.05 (one of the printed
rates is a misprint). The paper's best result (WAR 69.72, UAR 55.60, one fold, weight chosen on the
test fold: --select_on_test) combines this run with one without the gap loss (configs/dfew.py with
loss.ial_weight=0, in runs/ce_fold1; both with data.validation_fraction=0.1 to fit the weight):

    dfer ensemble runs/ce_fold1 runs/dfew_exp_decay_fold1 --out runs/f_fold1
"""

from configs.dfew_variants import dfew_gap


def get_config():
    """Returns the experiment."""
    config = dfew_gap.get_config()
    config.name = "dfew_exp_decay"
    config.loss.gap_decay_rate = 0.03
    return config
