"""What a peer says of a window, given what it says of the frames: columns, shares, label."""

from collections.abc import Mapping, Sequence

import numpy as np

AFFECT = ("valence", "arousal")
"""What some peers say besides classes, each in about -1..1."""


def mean_of(outputs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the softmax of the mean logits of several frames by class, and mean `AFFECT`.

    Args:
        outputs: logits by class and `AFFECT` of every frame, at least one; empty without a peer.
    """
    means = {name: float(np.mean([frame[name] for frame in outputs])) for name in outputs[0]}
    classes = [name for name in means if name not in AFFECT]
    logits = np.array([means[name] for name in classes])
    shares = np.exp(logits - logits.max(initial=-np.inf))
    return means | dict(zip(classes, (shares / shares.sum()).tolist(), strict=True))


def label_of(said: Mapping[str, float]) -> str:
    """Returns the most probable class of what `mean_of` returned, which is not empty."""
    return max((name for name in said if name not in AFFECT), key=said.__getitem__)


def columns(names: Sequence[str]) -> list[str]:
    """Returns the names of a peer's columns of a CSV file; none without a peer."""
    return ["peer_label", *(f"peer_{name}" for name in names)] if names else []
