"""From the config of an experiment on frames to checked, explicit pieces: model, data, parts."""

import dataclasses
from typing import Any

import ml_collections
import numpy as np
from flax import linen as nn

from dfer_jax.data.clip_index import carve_validation
from dfer_jax.errors import UserError
from dfer_jax.frames.features import DTYPES
from dfer_jax.frames.metrics import WEIGHTS
from dfer_jax.frames.packed import PackedFrames, open_packed
from dfer_jax.labels import ACTION_UNITS, CLASSES, EXPRESSIONS
from dfer_jax.models import MODELS
from dfer_jax.models.resnet50 import FrameModel
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training import network

KINDS = ("expressions", "action_units")
_AT_LEAST_ONE = (
    "data.window",
    "data.stride",
    "data.decode_size",
    "train.epochs",
    "train.log_every_steps",
    "train.eval_every_epochs",
    "train.accumulation_steps",
)


def class_names(config: ml_collections.ConfigDict) -> tuple[str, ...]:
    """Returns what the logits mean, in their order."""
    if config.data.labels == "action_units":
        return ACTION_UNITS
    return EXPRESSIONS if config.data.other else CLASSES


def model_kwargs(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the model's arguments as plain values, as stored in a checkpoint."""
    fields = config.model.to_dict()
    for name in ("name", "dtype", "image_size"):
        fields.pop(name)
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}
    return plain | {"num_classes": len(class_names(config))}


def create_model(config: ml_collections.ConfigDict, devices: Parallel) -> nn.Module:
    """Returns the model of the config, for these devices."""
    return network.create_model(
        config.model.name, model_kwargs(config), dtype=config.model.dtype, parallel=devices
    )


def preprocess(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns how frames become the model's input, as stored in a checkpoint."""
    return {
        "window": config.data.window,
        "max_gap": config.data.max_gap,
        "decode_size": config.data.decode_size,
        "image_size": config.model.image_size,
        "value_range": [0, 1],
        "color": "RGB",
    }


def check(config: ml_collections.ConfigDict, devices: Parallel) -> None:
    """Checks what can be checked before any data is read.

    Raises:
        UserError: for the first field that cannot work.
    """
    data, model = config.data, MODELS.get(config.model.name)
    if not data.dataset:
        raise UserError("data.dataset is empty; use one of the files in configs/ or set it")
    if model is None or not issubclass(model, FrameModel):
        known = ", ".join(name for name, kind in MODELS.items() if issubclass(kind, FrameModel))
        raise UserError(f"model.name={config.model.name!r} labels no frames; choose from {known}")
    network.compute_dtype(config.model.dtype)
    editions = sorted({edition for _, edition in WEIGHTS})
    for field, value, known in (
        ("data.labels", data.labels, KINDS),
        ("data.features_dtype", data.features_dtype, DTYPES),
        ("eval.edition", config.eval.edition, editions),
    ):
        if value not in known:
            raise UserError(f"{field}={value!r} is unknown; choose from {', '.join(known)}")
    for field in _AT_LEAST_ONE:
        section, name = field.split(".")
        if config[section][name] < 1:
            raise UserError(f"{field}={config[section][name]} must be at least 1")
    if data.window % 2 == 0:
        raise UserError(f"data.window={data.window} must be odd: a frame lies in its middle")
    if not 0 <= data.validation_fraction < 1:
        raise UserError(f"data.validation_fraction={data.validation_fraction} must be in [0, 1)")
    _check_frozen(config, frozen=bool(model.frozen))
    parallel_fields = {"accumulation_steps": config.train.accumulation_steps}
    devices.check_batch_size("train.batch_size", config.train.batch_size, **parallel_fields)
    Parallel(devices.devices).check_batch_size("eval.batch_size", config.eval.batch_size)


def _check_frozen(config: ml_collections.ConfigDict, *, frozen: bool) -> None:
    """Checks what only a model with a frozen backbone needs, or only one without may have."""
    name = config.model.name
    if frozen and not config.train.init_from:
        raise UserError(
            f"model.name={name!r} keeps its backbone as it is; set train.init_from to the work "
            "directory of a trained CNN, whose backbone it takes"
        )
    if frozen and config.train.freeze_batch_norm_after:
        raise UserError(
            f"train.freeze_batch_norm_after is for models that train their backbone; {name} does "
            "not: set it to 0"
        )
    if config.data.features and not frozen:
        raise UserError(
            f"data.features=True needs a frozen backbone, but {name} trains its own; set it False"
        )


@dataclasses.dataclass(frozen=True)
class Part:
    """Some videos of a split.

    Attributes:
        frames: of the split.
        videos: int64, which of its videos.
    """

    frames: PackedFrames
    videos: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """Rows of their frames."""
        starts = self.frames.index.starts
        return np.concatenate([np.arange(starts[v], starts[v + 1]) for v in self.videos])


@dataclasses.dataclass(frozen=True)
class Parts:
    """The videos of one experiment; `validation` chooses the best epoch where there is one."""

    train: Part
    validation: Part | None
    test: Part

    @property
    def selection(self) -> str:
        """How the best epoch is chosen, in words."""
        return "best on test" if self.validation is None else "best on validation"

    @property
    def evaluated(self) -> dict[str, Part]:
        """What is measured after an epoch; the first entry chooses the best one."""
        validation = {} if self.validation is None else {"validation": self.validation}
        return {**validation, "test": self.test}


def open_parts(config: ml_collections.ConfigDict) -> Parts:
    """Opens the frames, packing them the first time, and holds validation videos out of training.

    Raises:
        UserError: if the data set is not built or labelled frame by frame, or lacks these labels.
    """
    data = config.data
    train, test = (
        open_packed(
            dataset=data.dataset, split=split, data_dir=data.data_dir, cache_dir=data.cache_dir
        )
        for split in (data.train_split, data.test_split)
    )
    for frames in (train, test):
        frames.index.labels(data.labels, with_other=data.other)
    videos, validation = np.arange(len(train.index.clip_ids)), None
    if data.validation_fraction:
        clips = train.index.clip_index()
        videos, held_out = carve_validation(clips, fraction=data.validation_fraction)
        validation = Part(train, held_out)
    return Parts(Part(train, videos), validation, Part(test, np.arange(len(test.index.clip_ids))))
