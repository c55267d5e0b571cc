"""Prints every value of an experiment, and where it comes from.

dfer config configs/dfew.py
dfer config configs/dfew.py fold=2 model.width=32

One field a line, `field = value`, then the file and line that set it last, or `command line`.
"""

from absl import app, flags, logging
from ml_collections import config_flags

from dfer_jax.runtime import config_file, config_origins

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Experiment file, e.g. configs/dfew.py; fields: --config.fold=2"
)
_WIDEST = 60  # columns before the places; a longer value pushes its own to the right


def main(argv: list[str]) -> None:
    """Prints the config that was named on the command line."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; values are given as field=value")
    values = config_origins.leaves(config_file.load(_CONFIG))
    flag = flags.FLAGS["config"]
    overridden = config_flags.get_override_values(flag)
    with config_origins.recorded() as origins:  # read again, now watched
        read = flag.parser.parse(flag.config_filename)
    places = origins.of(read)
    lines = {name: f"{name} = {value!r}".strip() for name, value in values.items()}
    width = min(_WIDEST, max(map(len, lines.values())))
    for name, line in lines.items():
        place = "command line" if name in overridden else places[name]
        print(f"{line:{width}}  {place}")


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    config_file.run(main)
