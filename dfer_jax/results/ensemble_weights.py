"""Weights of an ensemble: typed by a user, or found on predictions for held-out clips."""

import os
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from dfer_jax.errors import UserError

_GRID = np.arange(21) / 20  # beta of Optimized IAL, section III-E
_SMALLEST = 1e-6  # the digits probabilities are stored with
_ROUNDS, _TOLERANCE = 1000, 1e-7
# What an earlier ensemble leaves behind, and the lock of this one.
_OWN = {"eval", "report", "report.html", "work.lock"}


def given_weights(values: Sequence[str], *, members: int) -> Float64[np.ndarray, " m"]:
    """Returns weights typed by a user.

    Raises:
        UserError: if they are not one number per member, not negative, summing to 1.
    """
    text = ",".join(values)
    try:
        weights = np.array([float(value) for value in values])
    except ValueError as error:
        raise UserError(f"--weights={text} must be numbers; write them as .3,.7") from error
    if len(weights) != members or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
        raise UserError(
            f"--weights={text} must be {members} numbers, one per member, none negative, that sum "
            "to 1"
        )
    return weights


def check_free(directory: str) -> None:
    """Refuses a directory to write to that holds anything but an earlier ensemble.

    Raises:
        UserError: if it does.
    """
    if os.path.isdir(directory) and set(os.listdir(directory)) - _OWN:
        raise UserError(f"{directory} holds something else; choose a new directory for --out")


def fit_weights(
    probabilities: Float64[np.ndarray, "m n k"], labels: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " m"]:
    """Returns weights on the simplex, not negative and summing to 1.

    Two members: beta of beta*Y1 + (1-beta)*Y2 with the highest WAR on the grid 0, .05, ... 1; of
    equal ones that with the lowest log loss. Three and more: the weights of the lowest log loss, a
    convex problem. Deviates: the paper combines two members only, because a grid over many weights
    follows the noise of a few held-out clips.

    Args:
        probabilities: of m members for the same n clips.
        labels: indices of the true classes.
    """
    if len(probabilities) == 2:
        return _best_on_grid(probabilities, labels)
    return _most_likely(probabilities, labels)


def mean_log_loss(
    probabilities: Float64[np.ndarray, "n k"], labels: Int64[np.ndarray, " n"]
) -> float:
    """Returns the mean of -log p of the true class, in nats, with p taken as at least 1e-6."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(true, _SMALLEST)).mean())


def _best_on_grid(
    probabilities: Float64[np.ndarray, "m n k"], labels: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " m"]:
    def merit(beta: float) -> tuple[int, float]:
        mixed = beta * probabilities[0] + (1 - beta) * probabilities[1]
        return int((mixed.argmax(1) == labels).sum()), -mean_log_loss(mixed, labels)

    beta = max(_GRID, key=merit)
    return np.array([beta, 1 - beta])


def _most_likely(
    probabilities: Float64[np.ndarray, "m n k"], labels: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " m"]:
    """Expectation-maximisation for the weights of a mixture; never raises the loss."""
    true = np.maximum(probabilities[:, np.arange(len(labels)), labels], _SMALLEST)
    weights = np.full(len(true), 1 / len(true))
    for _ in range(_ROUNDS):
        shares = weights[:, None] * true
        new = (shares / shares.sum(0)).mean(1)
        settled = np.abs(new - weights).max() < _TOLERANCE
        weights = new
        if settled:
            break
    return weights
