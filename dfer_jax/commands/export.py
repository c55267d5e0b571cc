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
onnx       the same for ONNX Runtime; the converter needs an environment of its own.
"""

from absl import app, flags, logging

from dfer_jax import errors

_OUT = flags.DEFINE_string("out", None, "New folder to write")
_FORMAT = flags.DEFINE_enum("format", "folder", ["folder", "stablehlo", "onnx"], "What to write")
_LICENSE = flags.DEFINE_string("license", "", "Of the weights, for the card: mit, cc-by-nc-4.0, ..")


def main(argv: list[str]) -> None:
    """Writes what was asked for."""
    if len(argv) != 2:
        raise app.UsageError("give one work directory: dfer export RUN --out FOLDER")
    run, out = argv[1], _OUT.value
    if _FORMAT.value == "folder":
        from dfer_jax.export.folder import write_folder

        sums = write_folder(run, out, license_name=_LICENSE.value)
    else:
        if _LICENSE.value:
            raise app.UsageError("--license is for the card of a folder")
        from dfer_jax.export.program import write_program

        sums, error = write_program(run, out, name=f"model.{_FORMAT.value}")
        print(f"largest error of a probability in a new process without dfer_jax: {error:.1e}")
    for name, found in sums.items():
        print(f"{found}  {out}/{name}")


if __name__ == "__main__":
    flags.mark_flag_as_required("out")
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
