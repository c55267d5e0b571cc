"""The encoder of a masked autoencoder's pre-training, as a classifier still to be trained."""

from collections.abc import Mapping

import numpy as np

UNTRAINED = "untrained"
"""Name of the only class of such a classifier."""
_ENCODER = "encoder."
_OWN_NORM = ("norm.weight", "norm.bias")  # of its tokens; a classifier has one of their mean
_BIAS = "patch_embed.proj.bias"


def as_classifier(
    state_dict: Mapping[str, np.ndarray],
) -> tuple[Mapping[str, np.ndarray], list[str]]:
    """Returns the encoder with a norm and a head as they begin, and the names that are left out.

    Any other state dict is returned as it is.

    Args:
        state_dict: published name -> array.

    Source: the loaders of MAE-DFER's and SVFAP's fine-tuning, which take `encoder.*` alone.
    """
    if f"{_ENCODER}{_BIAS}" not in state_dict:
        return state_dict, []
    left_out = [name for name in state_dict if not name.startswith(_ENCODER)]
    encoder = {
        name.removeprefix(_ENCODER): value
        for name, value in state_dict.items()
        if name.startswith(_ENCODER)
    }
    left_out += [f"{_ENCODER}{name}" for name in _OWN_NORM if encoder.pop(name, None) is not None]
    width = encoder[_BIAS].size
    new = {
        "fc_norm.weight": np.ones(width, np.float32),
        "fc_norm.bias": np.zeros(width, np.float32),
        "head.weight": np.zeros((1, width), np.float32),
        "head.bias": np.zeros(1, np.float32),
    }
    return new | encoder, left_out
