"""A run that takes seconds: a small network on the small data set of `clip_dataset`."""

import os
import signal

from configs import base
from dfer_jax.training.loop import tqdm


def config(data_dir):
    """Returns GCA+IAL with 4 frames of 32x32, 3 steps an epoch, 2 epochs."""
    tiny = base.get_config()
    tiny.name = "tiny"
    tiny.data.dataset = "clip_dataset/truth"
    tiny.data.data_dir = str(data_dir)
    tiny.data.segments = 4
    tiny.data.decode_size = 32
    tiny.data.num_workers = 0
    tiny.model.image_size = 32
    tiny.model.width = 8
    tiny.model.reduction = 4
    tiny.optim.learning_rate = 0.01
    tiny.optim.weight_decay = 1e-3
    tiny.train.batch_size = 4
    tiny.train.epochs = 2
    tiny.train.log_every_steps = 2
    tiny.eval.batch_size = 4
    return tiny


def gentle(data_dir):
    """Returns it with a rate at which more devices or processes follow the trajectory of one."""
    gentle = config(data_dir)
    gentle.optim.learning_rate = 1e-5  # higher, float32 itself drifts apart in six steps
    gentle.train.log_every_steps = 1
    return gentle


def stop_after(patch, steps):
    """Sends this process SIGTERM after so many steps, as a scheduler would."""
    done = []

    def update(bar):
        done.append(bar)
        if len(done) == steps:
            os.kill(os.getpid(), signal.SIGTERM)

    patch.setattr(tqdm, "update", update)
