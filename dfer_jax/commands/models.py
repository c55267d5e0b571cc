"""Lists every network: its size, what was published of it, and the configs that train it.

dfer models

GMAC are the multiply-accumulates of one clip, or window of frames, in billions. UAR and WAR are the
published ones, in percent, of exactly what the configs train; `-` where there is none. Parameters
and GMAC count a classifier of the canonical seven, whatever data set a config names.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import NamedTuple

import ml_collections
from absl import app, logging

import configs
from dfer_jax import errors
from dfer_jax.labels import CLASSES
from dfer_jax.models import MODELS, create_model, size
from dfer_jax.results import published
from dfer_jax.results.published import PublishedRow

_HEADER = ("network", "parameters", "GMAC", "UAR", "WAR", "configs", "source")


class Use(NamedTuple):
    """What one config makes of a network."""

    config: str
    network: str
    arguments: tuple[tuple[str, object], ...]
    shape: tuple[int, ...]
    row: PublishedRow | None


def main(argv: list[str]) -> None:
    """Prints the table."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; it takes none")
    rows = [_HEADER, *_rows(list(_uses()))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if 1 <= place <= 4 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _uses() -> Iterator[Use]:
    """Yields what each config with a data set makes of its network."""
    for found in pkgutil.walk_packages(configs.__path__, "configs."):
        module = importlib.import_module(found.name)
        config = module.get_config() if hasattr(module, "get_config") else None
        if config and config.data.dataset:
            yield _use(found.name.removeprefix("configs.").replace(".", "/"), config)


def _use(name: str, config: ml_collections.ConfigDict) -> Use:
    if config.task == "frames":
        from dfer_jax.frames import experiment

        frames = config.data.window
        kwargs = experiment.model_kwargs(config)
    else:
        from dfer_jax.clips import experiment

        frames = experiment.num_frames(config)
        kwargs = experiment.model_kwargs(config, num_classes=len(CLASSES))
    arguments = {
        field: tuple(value) if isinstance(value, list) else value for field, value in kwargs.items()
    }
    side = config.model.image_size
    row = published.match(config.to_dict())
    return Use(name, config.model.name, tuple(arguments.items()), (1, frames, side, side, 3), row)


def _rows(uses: list[Use]) -> Iterator[tuple[str, ...]]:
    """Yields the table's lines: networks in their order, configs that are alike together."""
    for network in MODELS:
        alike: dict[tuple, list[str]] = {}
        of_network = [use for use in uses if use.network == network]
        for use in of_network:
            source = use.row.source if use.row else ""
            alike.setdefault((use.arguments, use.shape, source), []).append(use.config)
        first = {use.config: use for use in of_network}
        for names in sorted(alike.values()):
            yield _line(first[names[0]], names)


def _line(use: Use, names: list[str]) -> tuple[str, ...]:
    parameters, macs = _size(use.network, use.arguments, use.shape)
    row = use.row
    return (
        use.network,
        f"{parameters:,}",
        f"{macs / 1e9:.2f}",
        f"{row.uar:.2f}" if row and row.uar is not None else "-",
        f"{row.war:.2f}" if row else "-",
        ", ".join(names),
        row.source if row else "-",
    )


@functools.cache
def _size(
    network: str, arguments: tuple[tuple[str, object], ...], shape: tuple[int, ...]
) -> tuple[int, int]:
    """Returns parameters and multiply-accumulates."""
    model = create_model(network, **dict(arguments))
    parameters = size.count_parameters(model, shape)
    return sum(parameters.values()), sum(size.count_macs(model, shape).values())


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
