"""A run that takes seconds: a small network on the small data set of `clip_dataset`."""

import os
import signal

import tiny_network

from configs import base
from dfer_jax.training.loop import tqdm


def gca(data_dir):
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


def config(data_dir):
    """Returns the same with `tiny_network`, traced and compiled in a fifth of the time."""
    return _of(gca(data_dir), tiny_network.register())


def plain(data_dir):
    """Returns it with a VGG-11 and an LSTM, which every process knows, this module or not."""
    return _of(gca(data_dir), "vgg11_lstm")


def _of(tiny, name):
    model = {"name": name, "image_size": 32, "width": 8, "normalisation": "none", "dtype": "auto"}
    tiny.model = type(tiny.model)(model)
    tiny.loss.aux_weights = ()
    return tiny


def gentle(data_dir):
    """Returns `config` with a rate at which more devices or processes follow one's trajectory."""
    gentle = config(data_dir)
    gentle.optim.learning_rate = 1e-5  # higher, float32 itself drifts apart in six steps
    gentle.train.log_every_steps = 1
    return gentle


def file_of(path, kind, data_dir):
    """Writes a config file that is one of these, for a process that finds this module."""
    text = f"import tiny\n\n\ndef get_config():\n    return tiny.{kind}({str(data_dir)!r})\n"
    path.write_text(text)
    return path


def stop_after(patch, steps):
    """Sends this process SIGTERM after so many steps, as a scheduler would."""
    done = []

    def update(bar):
        done.append(bar)
        if len(done) == steps:
            os.kill(os.getpid(), signal.SIGTERM)

    patch.setattr(tqdm, "update", update)
