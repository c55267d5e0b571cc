"""How large a network is: its parameters, and the multiply-accumulates of one forward pass.

Counted from the shapes of every convolution and matrix product, with nothing computed. Products
with zero padding count, as other counters have it, and convolutions as their direct sums;
normalisations, gates and pooling do not.
"""

import collections
import functools
import math
from collections.abc import Collection, Iterator

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.extend import core


def count_parameters(model: nn.Module, shape: tuple[int, ...]) -> dict[str, int]:
    """Returns the number of parameters by part of the network."""
    variables, _ = _trace(model, shape)
    return {
        part: sum(math.prod(x.shape) for x in jax.tree.leaves(tree))
        for part, tree in variables["params"].items()
    }


def count_macs(model: nn.Module, shape: tuple[int, ...]) -> dict[str, int]:
    """Returns the multiply-accumulates of a forward pass by part of the network.

    Args:
        model: the network.
        shape: of its input.
    """
    variables, jaxpr = _trace(model, shape)
    found = collections.Counter()
    for scope, macs in _products(jaxpr.jaxpr):
        found[_part(scope, variables["params"])] += macs
    return dict(sorted(found.items()))


@functools.lru_cache(maxsize=1)  # both counts of one network
def _trace(model: nn.Module, shape: tuple[int, ...]) -> tuple[dict, core.ClosedJaxpr]:
    """Returns the shapes of the variables, and the program of a forward pass."""
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    init = functools.partial(model.init, train=False)
    variables = jax.eval_shape(init, jax.random.key(0), x)
    return variables, jax.make_jaxpr(functools.partial(model.apply, train=False))(variables, x)


def _part(scope: str, parts: Collection[str]) -> str:
    """Returns the part a scope, the names of methods and modules from the outside in, lies in."""
    return next((name for name in scope.split("/") if name in parts), "network itself")


def _products(jaxpr: core.Jaxpr, scope: str = "") -> Iterator[tuple[str, int]]:
    """Yields scope and number of each product of a program and of those it calls."""
    for equation in jaxpr.eqns:
        name = str(equation.source_info.name_stack)
        where = "/".join(filter(None, (scope, name)))
        kind, out = (
            equation.primitive.name,
            equation.outvars[0].aval.shape if equation.outvars else (),
        )
        if kind == "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
            yield where, math.prod(out) * math.prod(kernel) // outputs
        elif kind == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            yield where, math.prod(out) * math.prod(left[i] for i in contracted)
        repeats = equation.params["length"] if kind == "scan" else 1
        called = [list(_products(inner, where)) for inner in _called(equation.params)]
        if kind == "cond":  # each platform's way of one product: the direct sum has the most
            called = [max(called, key=lambda found: sum(macs for _, macs in found))]
        for place, macs in (product for found in called for product in found):
            yield place, repeats * macs


def _called(params: dict) -> Iterator[core.Jaxpr]:
    for value in params.values():
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, core.ClosedJaxpr):
                yield inner.jaxpr
            elif isinstance(inner, core.Jaxpr):
                yield inner
