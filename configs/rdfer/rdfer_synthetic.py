"""RDFER, small, on rendered faces of which a fifth of the training labels are wrong.

    dfer build synthetic_dfer/noisy
    dfer train configs/rdfer/rdfer_synthetic.py

Which labels those are is known, so that `benchmarks/claims/robust_claims.py` can ask how many are
found.
"""

from configs.rdfer import rdfer_dfew


def get_config():
    """Returns the experiment."""
    config = rdfer_dfew.get_config()
    config.name = "rdfer_synthetic"
    config.fold = 0
    config.data.dataset = "synthetic_dfer/noisy"
    config.data.num_folds = 0
    config.data.segments = 16
    config.data.decode_size = 56
    config.augment.area = (0.85, 1.0)
    config.augment.brightness = 0.2
    config.model.image_size = 48
    config.model.width = 16
    config.model.hidden = 64
    config.model.synopsis_depth = 10
    config.model.detail_depth = 10
    config.model.detail_stride = 1
    config.model.dropout = 0.0  # so short a run needs none
    config.loss.aux_weights = (0.5,)  # nor leaves the synopsis network time to learn from a tenth
    config.loss.instance_weights = (0.5, 0.5)
    config.robust.warmup_epochs = 2.0
    config.robust.ramp_epochs = 2.0
    config.optim.learning_rate = 2e-3
    config.optim.warmup_epochs = 1.0
    config.optim.final_learning_rate = 2e-5
    config.train.batch_size = 20
    config.train.accumulation_steps = 1
    config.train.epochs = 10
    return config
