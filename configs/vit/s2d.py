"""S2D on DFEW's clips of 16 frames, one official fold, with the released code's recipe.

Published: UAR 61.82, WAR 76.03 over five folds, best epoch on the test fold (65.45, 74.81 with
classes drawn alike); FERV39k 41.28, 52.56, MAFW 41.86, 57.37.

    dfer import s2d checkpoint.pth mobilefacenet_model_best.pth.tar imported
    dfer train configs/vit/s2d.py fold=1 train.init_from=imported

Adapters, prompts and head are trained. Deviates: starts from random weights, or from those of
another run, where the code starts from its own stills of AffectNet.
"""

from configs.conv3d import base
from configs.vit.base import vary_clips


def get_config():
    """Returns the experiment."""
    config = base.of_network(
        "s2d",
        image_size=224,
        width=768,
        normalisation="imagenet",
        num_heads=12,
        patch_size=16,  # pixels of a patch's side
        depth=12,  # blocks
        dropout=0.5,  # before the classifier, training
    )
    config.data.dataset = "dfew/f16"
    vary_clips(config)
    config.optim.schedule = "warmup_cosine"
    config.optim.learning_rate = 2e-5
    config.optim.warmup_epochs = 2.0
    config.optim.final_learning_rate = 6.25e-10
    config.train.batch_size = 16
    config.train.epochs = 100
    return config
