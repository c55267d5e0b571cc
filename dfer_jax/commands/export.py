"""Gives a trained network away: a folder for users of dfer_jax, or a program for anybody.

    dfer export runs/dfew_fold1 --out smiles --license=mit
    dfer export runs/dfew_fold1 --format=stablehlo --out smiles_program

RUN is a run's work directory, imported weights, or a folder that was exported; the last checkpoint
is taken. --out is new. The sha256 of each file is printed.

folder     weights, settings, preprocessing and a model card. It is read by dfer_jax.load, and
           wherever weights are asked for: dfer predict, serve and eval, and train.init_from.
stablehlo  a program for JAX without dfer_jax, on CPU and CUDA: uint8 frames in, probabilities out;
           names and preprocessing in model.json. It is tried in a new process, and the largest
           error of a probability is printed.
onnx       the same for ONNX Runtime; the converter needs an environment of its own. With --int8
           a second program computes in 8 bits: training clips of a config calibrate it, and its
           loss in WAR on the test clips is printed.

    dfer export smiles --format=onnx --int8 --config=configs/dfew.py --config.fold=1 --out program
"""

from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from dfer_jax import errors
from dfer_jax.runtime import config_file

_OUT = flags.DEFINE_string("out", None, "New folder to write")
_FORMAT = flags.DEFINE_enum("format", "folder", ["folder", "stablehlo", "onnx"], "What to write")
_INT8 = flags.DEFINE_bool("int8", False, "Of onnx: a second program in 8 bits, of --config's clips")
_CONFIG = config_flags.DEFINE_config_file("config", None, "Whose clips --int8 uses")
_LICENSE = flags.DEFINE_string("license", "", "Of the weights, for the card: mit, cc-by-nc-4.0, ..")


def main(argv: list[str]) -> None:
    """Writes what was asked for."""
    if len(argv) != 2:
        raise app.UsageError("give one work directory: dfer export RUN --out FOLDER")
    run, out = argv[1], _OUT.value
    if _INT8.value and _FORMAT.value != "onnx":
        raise app.UsageError("--int8 is for --format=onnx")
    if _FORMAT.value == "folder":
        from dfer_jax.export.folder import write_folder

        sums = write_folder(run, out, license_name=_LICENSE.value)
    else:
        if _LICENSE.value:
            raise app.UsageError("--license is for the card of a folder")
        sums = _write_program(run, out)
    for name, found in sums.items():
        print(f"{found}  {out}/{name}")


def _write_program(run: str, out: str) -> dict[str, str]:
    """Writes a program, in 8 bits too if asked; returns the sha256 of each file."""
    from dfer_jax.export import int8
    from dfer_jax.export.program import SIDECAR, writing

    config = config_file.load(_CONFIG) if _INT8.value else None
    if config is not None:
        int8.check(config)
    program, in_eight_bits = f"model.{_FORMAT.value}", ""
    with writing(run, out, name=program) as (folder, (sums, error)):
        if config is not None:
            loss, written = int8.quantise(folder, config, program=program, sidecar=SIDECAR)
            sums, in_eight_bits = sums | written, f"\n{loss}"
    print(f"largest error of a probability in a new process without dfer_jax: {error:.1e}", end="")
    print(in_eight_bits)
    return sums


def _prepare(argv: Sequence[str]) -> list[str]:
    """Finds the config, if one is named: a run may have the name of one."""
    named = any(argument.partition("=")[0] == "--config" for argument in argv)
    return config_file.in_full(argv) if named else list(argv)


if __name__ == "__main__":
    flags.mark_flag_as_required("out")
    logging.set_verbosity(logging.WARNING)
    errors.run(main, prepare=_prepare)
