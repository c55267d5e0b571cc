"""How strong an expression looks, by the margin that the intensity-aware loss works on."""

from collections.abc import Mapping

from dfer_jax.errors import UserError
from dfer_jax.labels import canonical_name


def intensity(probabilities: Mapping[str, float]) -> float:
    """Returns how far the strongest expression stands out from a face at rest, in [0, 1].

    With x the logits, e the expression (not neutral) of the largest logit and n neutral,

        intensity = e^{x_e} / (e^{x_e} + e^{x_n}) = p_e / (p_e + p_n),

    the two-way softmax of which IAL's loss (AAAI 2023, Eqs. 9 and 10) is the negative logarithm,
    with neutral as the rival: 1/2 where expression and rest are equally probable, near 1 for a
    plain expression, near 0 for a face at rest. Without a class `neutral` the rival is the
    runner-up and the scale (p_1 - p_2) / (p_1 + p_2), 0 where two expressions tie.

    It is a statement about what the network takes for evidence, not a measurement of muscles; how
    well it follows the truth on rendered faces is measured by `benchmarks/video/intensity.py`.

    Args:
        probabilities: by class name, at least two.
    """
    neutral = [name for name in probabilities if _is_neutral(name)]
    if not neutral:
        first, second = sorted(probabilities.values(), reverse=True)[:2]
        return (first - second) / max(first + second, 1e-12)
    at_rest = probabilities[neutral[0]]
    strongest = max(p for name, p in probabilities.items() if name != neutral[0])
    return strongest / max(strongest + at_rest, 1e-12)


def _is_neutral(name: str) -> bool:
    try:
        return canonical_name(name) == "neutral"
    except UserError:
        return False
