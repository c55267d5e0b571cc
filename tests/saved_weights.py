"""Work directories with random weights of small networks, as imported ones lie there."""

import clip_dataset
import jax.numpy as jnp
import tiny
import tiny_frames
from random_variables import random_variables

from dfer_jax.clips import experiment as clips
from dfer_jax.frames import experiment as frames
from dfer_jax.labels import CLASSES
from dfer_jax.runs import checkpoint, pretrained_folder
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training.network import create_model

SIZE = clip_dataset.SIZE


def _made(config, kwargs, preprocess, classes, length, scale):
    model = create_model(
        config.model.name, kwargs, dtype="float32", parallel=Parallel((jnp.zeros(1).device,))
    )
    variables = random_variables(model, jnp.zeros((1, length, SIZE, SIZE, 3)))
    if head := variables["params"].get("classifier", variables["params"].get("fc")):
        head["kernel"] = head["kernel"] * scale
    metadata = checkpoint.make_metadata(
        model_name=config.model.name,
        model_kwargs=kwargs,
        classes=classes,
        preprocess=preprocess,
        dataset=config.data.dataset,
        source="test",
    )
    return variables, metadata


def of_clips(folder, **changes):
    """Saves a network of 4 frames of 32 x 32, `tiny.plain` or another kind; returns its folder."""
    checkpoint.save_weights(str(folder), *_of_clips(**changes))
    return str(folder)


def pretrained(folder):
    """Writes the network of `of_clips` as a pretrained folder."""
    folder.mkdir()
    pretrained_folder.write(str(folder), *_of_clips(kind="gca"), step=0, card="# random\n")


def _of_clips(*, data_dir="", classes=CLASSES, scale=1.0, segments=4, kind="plain", **inputs):
    config = getattr(tiny, kind)(data_dir)
    config.data.segments = segments
    return _made(
        config,
        clips.model_kwargs(config, num_classes=len(classes)),
        clips.preprocess(config) | inputs,
        classes,
        segments,
        scale,
    )


def of_network(folder, name, *, classes=CLASSES, segments=4, **inputs):
    """Saves a compared network of width 8 and 32 x 32 pixels; returns the folder."""
    config = tiny.config("")
    config.model = type(config.model)(
        {"name": name, "image_size": SIZE, "width": 8, "dtype": "float32"}
    )
    config.data.segments = segments
    kwargs = clips.model_kwargs(config, num_classes=len(classes))
    preprocess = clips.preprocess(config) | inputs
    made = _made(config, kwargs, preprocess, classes, segments, 1.0)
    checkpoint.save_weights(str(folder), *made)
    return str(folder)


def of_frames(folder, system="gru", *, data_dir=""):
    """Saves a network that labels every frame; returns the folder."""
    config = tiny_frames.config(data_dir, system)
    made = _made(
        config,
        frames.model_kwargs(config),
        frames.preprocess(config),
        frames.class_names(config),
        config.data.window,
        1.0,
    )
    checkpoint.save_weights(str(folder), *made)
    return str(folder)
