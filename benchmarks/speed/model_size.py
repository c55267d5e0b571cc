"""Prints how large a network is, part by part; see `dfer_jax.models.size` for what counts.

python -m benchmarks.speed.model_size --model=rdfer --json=size.json
python -m benchmarks.speed.model_size --model=rdfer --arguments='{"synopsis_depth": 50}'
"""

import json

from absl import app, flags

from dfer_jax import errors
from dfer_jax.models import create_model
from dfer_jax.models.size import count_macs, count_parameters

_MODEL = flags.DEFINE_string("model", "rdfer", "Name of the network.")
_ARGUMENTS = flags.DEFINE_string("arguments", "{}", "Its arguments other than defaults, as JSON.")
_FRAMES = flags.DEFINE_integer("clip_frames", 9, "Frames of a clip where the network does not say.")
_IMAGE_SIZE = flags.DEFINE_integer("frame_size", 112, "Side of a frame where it does not say.")
_JSON = flags.DEFINE_string("json", None, "File that the figures are written to as well.")


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
