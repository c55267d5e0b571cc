"""How large a network is: its parameters, and the multiply-accumulates of one forward pass.

    python -m benchmarks.speed.model_size --model=rdfer --json=size.json
    python -m benchmarks.speed.model_size --model=rdfer --arguments='{"synopsis_depth": 50}'

Counted from the shapes of every convolution and matrix product, for one clip, with nothing
computed. Products with zero padding count, as other counters have it, and convolutions as their
direct sums; normalisations, gates and pooling do not.
"""

import collections
import functools
import json
import math
from collections.abc import Collection, Iterator

import jax
import jax.numpy as jnp
from absl import app, flags
from flax import linen as nn
from jax.extend import core

from dfer_jax import errors
from dfer_jax.models import create_model

_MODEL = flags.DEFINE_string("model", "rdfer", "Name of the network.")
_ARGUMENTS = flags.DEFINE_string("arguments", "{}", "Its arguments other than defaults, as JSON.")
_FRAMES = flags.DEFINE_integer("clip_frames", 9, "Frames of a clip where the network does not say.")
_IMAGE_SIZE = flags.DEFINE_integer("frame_size", 112, "Side of a frame where it does not say.")
_JSON = flags.DEFINE_string("json", None, "File that the figures are written to as well.")


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


def _print(parameters: dict[str, int], macs: dict[str, int]) -> None:
    print(f"{'part':24}{'parameters':>14}{'GMAC':>9}")
    for part in sorted({*parameters, *macs}):
        print(f"{part:24}{parameters.get(part, 0):>14,}{macs.get(part, 0) / 1e9:>9.3f}")
    total = sum(parameters.values())
    print(f"{'all':24}{total:>14,}{sum(macs.values()) / 1e9:>9.3f}")


def main(argv: list[str]) -> None:
    """Prints the table and writes the JSON."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    try:
        arguments = json.loads(_ARGUMENTS.value)
    except json.JSONDecodeError as error:
        raise errors.UserError(f"--arguments is not JSON ({error}); write e.g. {{}}") from error
    model = create_model(_MODEL.value, **arguments)
    size = getattr(model, "image_size", _IMAGE_SIZE.value)
    shape = (1, getattr(model, "num_frames", _FRAMES.value), size, size, 3)
    parameters, macs = count_parameters(model, shape), count_macs(model, shape)
    print(f"{_MODEL.value} {arguments}, one clip of {shape[1]} frames of {size}x{size}")
    _print(parameters, macs)
    if _JSON.value:
        figures = {
            "model": _MODEL.value,
            "arguments": arguments,
            "input": shape,
            "parameters": parameters,
            "macs": macs,
        }
        with open(_JSON.value, "w") as file:
            json.dump(figures, file, indent=2)


if __name__ == "__main__":
    errors.run(main)
