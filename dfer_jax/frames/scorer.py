"""Scores the frames of an experiment with given weights, from pictures or from kept features."""

from typing import Any

import ml_collections
import numpy as np
from flax import linen as nn
from jaxtyping import PyTree

from dfer_jax.errors import UserError
from dfer_jax.frames import experiment as frames_experiment
from dfer_jax.frames import features
from dfer_jax.frames.batches import FeatureReader, PictureReader, frames_in_order
from dfer_jax.frames.evaluation import FrameEvaluation
from dfer_jax.frames.experiment import Part
from dfer_jax.frames.inference import Network, features_by, features_in, score_frames
from dfer_jax.frames.packed import PackedFrames
from dfer_jax.models.resnet50 import BACKBONE
from dfer_jax.runtime import processes
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training import network

BACKBONE_FIELDS = ("width", "stage_sizes", "squeeze_excite", "normalisation")
"""Arguments of a model that decide what its backbone computes."""


class Scorer:
    """The network of a config, compiled, and the frames it is asked about."""

    def __init__(
        self, config: ml_collections.ConfigDict, model: nn.Module, devices: Parallel
    ) -> None:
        """Compiles nothing yet.

        Args:
            config: of the experiment.
            model: of it.
            devices: of this process.
        """
        self._config = config
        self._network = Network(
            model,
            image_size=config.model.image_size,
            length=config.data.window,
            devices=devices,
        )

    def evaluate(self, part: Part, variables: PyTree) -> FrameEvaluation:
        """Returns the logits of all frames of some videos, each from the window around it.

        Raises:
            UserError: if a picture is damaged or a logit is not finite.
        """
        data, index = self._config.data, part.frames.index
        batch_size = self._config.eval.batch_size
        if data.features:
            read_features = features_in(self.features(part.frames, variables))
        else:
            read_features = features_by(
                self._network.backbone(variables),
                PictureReader(part.frames, data.decode_size),
                batch_size=batch_size,
            )
        rows, logits = score_frames(
            index,
            part.videos,
            length=data.window,
            max_gap=data.max_gap,
            read_features=read_features,
            head=self._network.head(variables),
            batch_size=batch_size,
        )
        if not np.isfinite(logits).all():
            raise UserError(
                "the network's outputs for some frames are not finite; lower optim.learning_rate "
                "and train again in a new --workdir"
            )
        labels, known = index.labels(data.labels, with_other=data.other)
        ids = np.repeat(index.clip_ids, np.diff(index.starts))
        return FrameEvaluation(
            kind=data.labels,
            classes=frames_experiment.class_names(self._config),
            videos=ids[rows],
            numbers=index.numbers[rows],
            labels=labels[rows],
            mask=known[rows],
            logits=logits,
        )

    def features(self, frames: PackedFrames, variables: PyTree) -> FeatureReader:
        """Returns the backbone's features of the frames of a split, computed at the first call.

        Raises:
            UserError: if a picture is damaged or there is no room for the features.
        """
        data = self._config.data
        backbone = {kind: variables[kind][BACKBONE] for kind in ("params", "batch_stats")}
        path = features.store_of(frames, features.checksum(backbone, self._about()))
        about = {"width": self._width, "dtype": data.features_dtype}
        with processes.together():
            if processes.is_first() and features.open_features(frames, path, **about) is None:
                read = PictureReader(frames, data.decode_size)
                features.extract(
                    frames,
                    path,
                    self._network.backbone(variables),
                    lambda start: frames_in_order(
                        read,
                        start,
                        batch_size=self._config.eval.batch_size,
                        num_workers=data.num_workers,
                    ),
                    **about,
                )
        return FeatureReader(str(path))

    @property
    def _width(self) -> int:
        model = self._config.model
        return model.width << (len(model.stage_sizes) + 1)

    def _about(self) -> dict[str, Any]:
        """What features depend on besides weights and frames."""
        config = self._config
        kwargs = frames_experiment.model_kwargs(config)
        return {
            "backbone": {name: kwargs[name] for name in BACKBONE_FIELDS},
            "decode_size": config.data.decode_size,
            "image_size": config.model.image_size,
            "compute": str(network.compute_dtype(config.model.dtype)),
            "dtype": config.data.features_dtype,
        }
