"""The recipe of fine-tuning that MAE-DFER and SVFAP share; the files beside this one choose one.

From the released codes; learning rate 1e-3 for a batch of 256, in proportion to the batch.
"""

from configs.conv3d import base


def of_network(name, *, learning_rate, **fields):
    """Returns the experiment of a network, given its arguments and the rate for its batch."""
    config = base.of_network(
        name,
        image_size=160,
        width=512,
        normalisation="imagenet",
        num_heads=8,
        patch_size=16,  # pixels of a tubelet's side; it has 2 frames
        drop_path=0.1,  # of the last block, in training
        **fields,
    )
    config.data.sampling = "strided"
    config.data.frame_step = 4
    config.data.test_views = 2
    config.data.decode_size = 224
    vary_clips(config)
    config.optim.decay_kernels_only = True
    config.optim.layer_decay = 0.75
    config.optim.schedule = "warmup_cosine"
    config.optim.learning_rate = learning_rate
    config.optim.warmup_epochs = 5.0
    config.optim.final_learning_rate = learning_rate / 1000
    config.train.epochs = 100
    return config


def vary_clips(config):
    """Sets augmentation, mixtures, smoothing and decay, in which S2D's recipe is the same."""
    config.augment.area = (0.08, 1.0)
    config.augment.ratio = (3 / 4, 4 / 3)
    config.augment.flip_probability = 0.5
    config.augment.rand_operations = 4
    config.augment.erase_probability = 0.25
    config.mix.mixup_alpha = 0.8
    config.mix.cutmix_alpha = 1.0
    config.loss.label_smoothing = 0.1
    config.optim.weight_decay = 0.05
