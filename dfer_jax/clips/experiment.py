"""From a config to checked, explicit pieces: the model, its preprocessing, its splits."""

from typing import Any, NamedTuple

import ml_collections

from dfer_jax import models
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.errors import UserError
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training.agreement import Agreement
from dfer_jax.training.network import compute_dtype
from dfer_jax.training.small_loss import SmallLoss


class Splits(NamedTuple):
    """TFDS split expressions of one experiment, and the name its results go by."""

    train: str
    test: str
    test_name: str


def splits(config: ml_collections.ConfigDict) -> Splits:
    """Returns the train and test splits: fold k against the others, or the named ones.

    Raises:
        UserError: if the fold does not exist.
    """
    count, fold = config.data.num_folds, config.fold
    if not count:
        if fold:
            raise UserError(f"fold={fold}, but {config.data.dataset} has no folds; set fold=0")
        test = config.data.test_split
        return Splits(config.data.train_split, test, test)
    if not 1 <= fold <= count:
        raise UserError(f"fold={fold} does not exist; {config.data.dataset} has folds 1 to {count}")
    others = "+".join(f"fd{k}" for k in range(1, count + 1) if k != fold)
    return Splits(others, f"fd{fold}", f"fd{fold}")


def num_frames(config: ml_collections.ConfigDict) -> int:
    """Returns T, the frames a clip is given to the model with."""
    return FrameProtocol.of(config.data).num_frames


def model_kwargs(config: ml_collections.ConfigDict, *, num_classes: int) -> dict[str, Any]:
    """Returns the model's arguments as plain values, as stored in a checkpoint.

    Args:
        config: of the experiment.
        num_classes: k, of the data set or of the checkpoint.
    """
    fields = config.model.to_dict()
    fields.pop("name")
    fields.pop("dtype")
    return {
        **{k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()},
        "num_classes": num_classes,
        "num_frames": num_frames(config),
    }


def preprocess(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns how a clip becomes the model's input, as stored in a checkpoint."""
    data = config.data
    return {
        **FrameProtocol.of(data).to_json(),
        "decode_size": data.decode_size,
        "image_size": config.model.image_size,
        "value_range": [0, 1],
        "color": "RGB",
    }


def aux_weights(config: ml_collections.ConfigDict) -> dict[str, float]:
    """Returns the loss weight of each auxiliary head by stage.

    Raises:
        UserError: if stages and weights do not pair up.
    """
    own = getattr(models.MODELS.get(config.model.name), "aux_stages", ())
    stages = tuple(config.model.get("aux_stages", own))
    weights = tuple(config.loss.aux_weights)
    if len(stages) != len(weights):
        raise UserError(
            f"loss.aux_weights={weights} must hold one weight for each of model.aux_stages={stages}"
        )
    return dict(zip(stages, (float(w) for w in weights), strict=True))


def instance_weights(config: ml_collections.ConfigDict) -> dict[str, float]:
    """Returns the loss weight of each kind of instances of a model that has them.

    Raises:
        UserError: if weights and kinds of instances do not pair up.
    """
    weights = tuple(config.loss.instance_weights)
    kinds = getattr(models.MODELS.get(config.model.name), "instances", ())
    if len(weights) != len(kinds):
        wanted = f"one weight for each of {', '.join(kinds)}" if kinds else "(), nothing"
        raise UserError(
            f"loss.instance_weights={weights} must be {wanted} with model.name="
            f"{config.model.name!r}"
        )
    return dict(zip(kinds, map(float, weights), strict=True))


def reweighting(config: ml_collections.ConfigDict) -> Agreement | SmallLoss | None:
    """Returns what decides how much each training clip counts; None where all count the same.

    Raises:
        UserError: if the method, its source or a setting is unknown or makes no sense.
    """
    robust = config.robust
    if robust.method == "none":
        return None
    if robust.method == "small_loss":
        return SmallLoss(robust.noise_rate, robust.ramp_epochs)
    if robust.method != "agreement":
        raise UserError(
            f"robust.method={robust.method!r} is unknown; choose none, agreement or small_loss"
        )
    if robust.source not in ("resample", "instances"):
        raise UserError(f"robust.source={robust.source!r} is unknown; choose resample or instances")
    if robust.source == "instances" and not instance_weights(config):
        raise UserError(
            f"robust.source='instances' needs a model that judges single instances; "
            f"{config.model.name} does not: use resample"
        )
    if robust.source == "instances" and robust.views != config.model.key_count:
        raise UserError(
            f"robust.views={robust.views} must be model.key_count={config.model.key_count}, the "
            "clips that the network compares"
        )
    return Agreement(
        robust.warmup_epochs,
        robust.ramp_epochs,
        robust.views,
        robust.a_noisy,
        robust.m_noisy,
        robust.gamma,
    )


def num_views(config: ml_collections.ConfigDict) -> int:
    """Returns how many random views of each training clip are needed beside it."""
    resampled = config.robust.method == "agreement" and config.robust.source == "resample"
    return config.robust.views if resampled else 0


def check(config: ml_collections.ConfigDict, parallel: Parallel) -> None:
    """Checks what can be checked before any data is read.

    Raises:
        UserError: for the first field that cannot work.
    """
    if not config.data.dataset:
        raise UserError("data.dataset is empty; use one of the files in configs/ or set it")
    splits(config)
    aux_weights(config)
    instance_weights(config)
    reweighting(config)
    compute_dtype(config.model.dtype)
    if FrameProtocol.of(config.data).is_blended and num_views(config):
        raise UserError(
            "robust.source='resample' compares random views, but data.sampling='interpolated' has "
            "none; choose another sampling, or robust.method='none'"
        )
    training = ("epochs", "log_every_steps", "eval_every_epochs", "accumulation_steps")
    positive = [f"train.{name}" for name in training]
    for field in (*positive, "data.decode_size"):
        section, name = field.split(".")
        if config[section][name] < 1:
            raise UserError(f"{field}={config[section][name]} must be at least 1")
    parallel.check_batch_size(
        "train.batch_size",
        config.train.batch_size,
        accumulation_steps=config.train.accumulation_steps,
    )
    parallel.check_batch_size("eval.batch_size", config.eval.batch_size)
    if not 0 <= config.data.validation_fraction < 1:
        raise UserError(
            f"data.validation_fraction={config.data.validation_fraction} must be in [0, 1)"
        )
