"""What the DFEW benchmark's 3D networks are trained with; the files beside this one choose one.

X. Jiang et al., "DFEW: A Large-Scale Database for Recognizing Dynamic Facial Expressions in the
Wild", ACM MM 2020; github.com/jiangxingxun/DFEW at commit 7c1ba78: from random weights, Adam 1e-3
throughout (its decay is built and never stepped), batches of 32, 100 epochs, no augmentation.

Deviates: frames come from segments in training and testing, where that code takes any 16 frames in
order for training and evenly spaced ones for testing. The paper's rows have clips interpolated to
16 frames (TIM), a learning rate by grid search and batches of 24.
"""

from configs import dfew


def of_network(name, *, image_size=112, **fields):
    """Returns the experiment of a network, given arguments of it that are to be seen."""
    config = dfew.get_config()
    config.name = name
    dtype = config.model.dtype
    config.model = type(config.model)(
        {
            "name": name,
            "image_size": image_size,
            "width": 64,  # channels of the first layer
            "normalisation": "none",  # kinetics, ...: what pre-trained weights were trained with
            **fields,
            "dtype": dtype,
        }
    )
    config.data.decode_size = max(config.data.decode_size, image_size)
    config.augment.area = (1.0, 1.0)
    config.augment.ratio = (1.0, 1.0)
    config.augment.max_degrees = 0.0
    config.augment.flip_probability = 0.0
    config.augment.brightness = 0.0
    config.loss.ial_weight = 0.0
    config.loss.aux_weights = ()
    config.optim.name = "adamw"  # Adam, without decay
    config.optim.weight_decay = 0.0
    config.optim.schedule = "constant_schedule"
    config.optim.schedule_kwargs.value = 1e-3
    config.train.batch_size = 32
    config.train.epochs = 100
    return config
