"""Runs that differ in nothing but their seed."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from dfer_jax.runs.workdir import RUNTIME_FIELDS

_NOT_THE_METHOD = RUNTIME_FIELDS | {"seed", "name"}


@runtime_checkable
class Measured(Protocol):
    """An evaluation of clips or of frames, and what it was made on."""

    @property
    def dataset(self) -> str:
        """Name of the data set."""

    @property
    def split(self) -> str:
        """Of the data set."""

    @property
    def selection(self) -> str:
        """How the epoch was chosen."""


def group_by_seed(
    runs: Mapping[str, Measured], configs: Mapping[str, Mapping[str, str]]
) -> dict[str, list[str]]:
    """Returns name of a method -> its runs: those alike in all but the seed.

    Args:
        runs: name -> its evaluation; other data or another protocol is another method.
        configs: name -> dotted field -> value; a run without fields is a method of its own.
    """
    found: dict[str, list[str]] = {}
    for name, run in runs.items():
        fields = {k: v for k, v in configs[name].items() if k not in _NOT_THE_METHOD}
        if "train.init_from" in fields:  # a head on the backbone of its own seed
            fields["train.init_from"] = re.sub(r"seed[_-]?\d+", "", fields["train.init_from"])
        data = (run.dataset, run.split, run.selection)
        key = json.dumps([*data, fields or name], sort_keys=True)
        found.setdefault(key, []).append(name)
    groups: dict[str, list[str]] = {}
    for names in found.values():
        groups[_method_name(names, groups)] = names
    return groups


def spread(
    values: Float[np.ndarray, "r m"],
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Returns mean and sample standard deviation over runs; the latter NaN of a single run."""
    if len(values) < 2:
        return values[0], np.full(values.shape[1], np.nan)
    return values.mean(axis=0), values.std(axis=0, ddof=1)


def _method_name(names: Sequence[str], taken: Mapping[str, Sequence[str]]) -> str:
    """Returns the first run's name, without its seed ("gca" of gca_seed0) where it stands for more.

    Two methods whose runs are named alike keep the whole name.
    """
    short = re.sub(r"([/_. -]*seed[_-]?\d+|[/_. -]+\d+)$", "", names[0])
    return names[0] if len(names) == 1 or not short or short in taken else short
