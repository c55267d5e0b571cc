"""Losses on the features of a batch: clips of one expression near each other, others apart.

EC-STFL, "expression-clustered spatiotemporal feature learning": X. Jiang et al., "DFEW: A
Large-Scale Database for Recognizing Dynamic Facial Expressions in the Wild", ACM MM 2020, Eq. 9,
and the different loss of the authors' later code. Both are added to the cross-entropy with weight
10. The features are what the classifier sees.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from dfer_jax.errors import UserError

FORMS = ("paper", "code")
_INSIDE_ROOT = 1e-12
_EPS = 1e-6


def ec_stfl(
    features: Float[Array, "b d"], labels: Int[Array, " b"], *, form: str = "paper"
) -> Float[Array, ""]:
    """Returns how far apart clips of one label are, against clips of others.

    `paper`: the sum over ordered pairs of one label of d_ij / n_i, divided by the sum over other
    pairs of d_ij / n_j; d are Euclidean distances, n_i the clips with the label of i, itself
    included. It does not change with the scale of the features.
    `code`: the mean over i of a_i r_i, divided by the number of clips; a_i is the mean of the L1
    distances to its own label, r_i the sum of 1 / d_ij over others divided by their number plus 1.
    Its weight hence falls with the size of the batch.

    Either is 0, without gradient, where all labels are the same.
    Deviates: the paper does not say which norm; the root has 1e-12 inside so that equal features
    have a gradient.

    Args:
        features: [b, d], any floating type.
        labels: [b], 0..k-1.
        form: `paper` or `code`.

    Raises:
        UserError: if the form is unknown.
    """
    if form not in FORMS:
        raise UserError(f"loss.ecstfl_form={form!r} is unknown; choose from {', '.join(FORMS)}")
    features = features.astype(jnp.float32)
    difference = features[:, None] - features[None, :]  # [b, b, d]
    same = labels[:, None] == labels[None, :]  # [b, b]
    return (_of_paper if form == "paper" else _of_code)(difference, same)


def _of_paper(difference: Float[Array, "b b d"], same: Bool[Array, "b b"]) -> Float[Array, ""]:
    itself = jnp.eye(len(same), dtype=bool)
    distances = jnp.sqrt(jnp.square(difference).sum(axis=-1) + _INSIDE_ROOT)
    distances = jnp.where(itself, 0, distances)
    count = same.sum(axis=1).astype(jnp.float32)  # n_i
    near = jnp.where(same, distances, 0).sum(axis=1) / count
    far = jnp.where(same, 0, distances).sum(axis=0) / count
    several = ~same.all()
    return jnp.where(several, near.sum() / jnp.where(several, far.sum(), 1), 0)


def _of_code(difference: Float[Array, "b b d"], same: Bool[Array, "b b"]) -> Float[Array, ""]:
    distances = jnp.abs(difference).sum(axis=-1)
    counts = [mask.sum(axis=1).astype(jnp.float32) for mask in (same, ~same)]
    attract = jnp.where(same, distances, 0).sum(axis=1) / (counts[0] + _EPS)
    repulse = jnp.where(same, 0, 1 / (distances + _EPS)).sum(axis=1) / (counts[1] + 1 + _EPS)
    return (attract * repulse).mean() / len(same)
