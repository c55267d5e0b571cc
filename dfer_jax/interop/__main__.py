"""Turns weights of others into a work directory that evaluates, and that trainings start from.

    dfer import gca_ial FILE OUT        # a checkpoint trained with the official GCA+IAL code
    dfer import resnet50_ft FILE OUT    # ResNet-50 of VGGFace2: a backbone to start from
    dfer import r3d_18 FILE OUT         # a network of those compared, by its name in `dfer models`
    dfer import emo_affectnet STATIC LSTM OUT   # one that is published in two files

FILE is a `.pth`, `.pt` or `.tar` (PyTorch is not needed; nothing in it is run), a `.safetensors`
or a `.npz` file; OUT is a new directory. Every name in FILE must be accounted for. Where several
data sets have its classes, `--dataset=ferv39k` names the one that the weights were trained on.
"""

import difflib
import importlib

from absl import app, flags, logging

from dfer_jax import errors
from dfer_jax.errors import UserError
from dfer_jax.interop import by_name
from dfer_jax.runs.workdir_lock import only_one

_MODULES = {  # network -> module beside this one
    "emo_affectnet_lstm": "emo_affectnet",
    "gca_ial": "gca_ial",
    "resnet50_ft": "resnet50_ft",
}
NAMES = (*_MODULES, *by_name.NAMES)
"""Networks whose weights can be read."""
_DATASET = flags.DEFINE_string(
    "dataset", "", "Data set the weights were trained on, where their classes do not tell it."
)


def main(argv: list[str]) -> None:
    """Command line: NAME FILE... OUT."""
    if len(argv) < 4:
        raise app.UsageError("expected three arguments: NAME FILE OUT")
    _, name, *files, out = argv
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"there is no network {name!r} to import ({', '.join(NAMES)}){hint}")
    if _DATASET.value and name in _MODULES:
        raise UserError(f"--dataset={_DATASET.value} says nothing of {name}; leave it out")
    with only_one(out):
        if name not in _MODULES:
            by_name.convert(name, files[0], out, others=files[1:], dataset=_DATASET.value)
        elif len(files) == 1:
            importlib.import_module(f"dfer_jax.interop.{_MODULES[name]}").convert(files[0], out)
        else:
            raise UserError(f"{name} is read from one file, but {len(files)} were given; name one")


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
