"""Trains on videos labelled frame by frame."""

from collections.abc import Mapping
from typing import Any

import ml_collections

from dfer_jax.frames.task import FrameTask
from dfer_jax.training import run


def train(
    config: ml_collections.ConfigDict,
    workdir: str,
    *,
    overrides: Mapping[str, Any],
    with_evaluation: bool,
) -> None:
    """Trains a run, or goes on with it; see `training.run.train`."""
    run.train(FrameTask, config, workdir, overrides=overrides, with_evaluation=with_evaluation)
