"""Layer-wise learning rates of a vision transformer: the nearer to the pixels, the slower.

H. Bao, L. Dong, S. Piao, F. Wei, "BEiT: BERT Pre-Training of Image Transformers", ICLR 2022, which
the codes of MAE-DFER and SVFAP follow in fine-tuning.
"""

import re
from collections.abc import Mapping

import jax
import optax
from jaxtyping import PyTree

from dfer_jax.errors import UserError

_BLOCK = re.compile(r"blocks\.(\d+)")
_EMBEDDING = "patch_embed."


def scale_by_depth(decay: float) -> optax.GradientTransformation:
    """Returns what multiplies the update of each parameter by its layer's share of the rate.

    Of n blocks, block i has `decay ** (n - i)`, the patch embedding `decay ** (n + 1)`, and all
    else, region tokens and head included, 1. It comes last, so that it scales decoupled decay too.

    Args:
        decay: share of the rate that a block has of the next one's, above 0, at most 1.

    Raises:
        UserError: where it meets a network without `blocks.0`, or if `decay` is out of bounds.
    """
    if not 0 < decay <= 1:
        raise UserError(f"optim.layer_decay={decay} must be above 0 and at most 1")

    def init(params: PyTree) -> optax.EmptyState:
        _factors(params, decay)
        return optax.EmptyState()

    def update(
        updates: PyTree, state: optax.EmptyState, params: PyTree = None
    ) -> tuple[PyTree, optax.EmptyState]:
        del params
        factors = _factors(updates, decay)
        scaled = {
            name: jax.tree.map(lambda x, factor=factors[name]: factor * x, tree)
            for name, tree in updates.items()
        }
        return scaled, state

    return optax.GradientTransformation(init, update)


def kernels_alone(params: Mapping[str, PyTree]) -> PyTree:
    """Returns a tree of bools: True at kernels, False at biases, norms, positions and tokens."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def _factors(params: Mapping[str, PyTree], decay: float) -> dict[str, float]:
    """Returns the factor of each part of a network."""
    blocks = {name: int(found[1]) for name in params if (found := _BLOCK.fullmatch(name))}
    if not blocks:
        raise UserError(
            f"optim.layer_decay={decay} is for vision transformers, whose blocks are numbered; set "
            "it to 1"
        )
    count = 1 + max(blocks.values())
    powers = {name: count - place for name, place in blocks.items()}
    powers |= {name: count + 1 for name in params if name.startswith(_EMBEDDING)}
    return {name: decay ** powers.get(name, 0) for name in params}
