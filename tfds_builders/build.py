"""Builds a data set; needs no TensorFlow.

    python -m tfds_builders.build synthetic_dfer/tiny
    python -m tfds_builders.build dfew/full --manual_dir /where/dfew/was/extracted

Exit codes: 0 done (or already built), 1 something in the input is wrong, 2 bad usage.
"""

import contextlib
import importlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from absl import app, flags, logging

from dfer_jax.errors import UserError, run

DATA_DIR = "data"  # in the current directory; configs/base.py reads from the same place

_DATA_DIR = flags.DEFINE_string("data_dir", DATA_DIR, "Folder the built data sets lie in.")
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir", None, "Folder of a release that had to be requested (dfew)."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Build again what is built already.")
_ALLOW_MISSING = flags.DEFINE_bool(
    "allow_missing", None, "dfew: build although listed clips are missing."
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "synthetic_dfer: rendering processes; by default all cores.", 1
)
_BUILDER_FLAGS = {"allow_missing": "dfew", "num_processes": "synthetic_dfer"}
_EXPERIMENTS = {"dfew": "dfew", "synthetic_dfer": "synthetic"}  # data set -> file in configs/


def known_builders() -> dict[str, type[tfds.core.DatasetBuilder]]:
    """Returns the builder classes that lie beside this file, by data set name."""
    folder = Path(__file__).parent
    names = [path.parent.name for path in sorted(folder.glob("*/*_dataset_builder.py"))]
    module = "tfds_builders.{0}.{0}_dataset_builder"
    return {name: importlib.import_module(module.format(name)).Builder for name in names}


def find_builder(full_name: str) -> tuple[type[tfds.core.DatasetBuilder], str | None]:
    """Returns the builder class and the configuration that `full_name` ("name/config") names.

    Raises:
        UserError: if there is no such data set or configuration.
    """
    builders = known_builders()
    name, _, config = full_name.partition("/")
    if name in builders and (not config or config in builders[name].builder_configs):
        return builders[name], config or None
    known = [
        f"{known}/{config}" if config else known
        for known, builder in builders.items()
        for config in builder.builder_configs or [""]
    ]
    raise UserError(f"no data set {full_name!r}; there are {', '.join(known)}")


def _builder_arguments(name: str, given: dict[str, object]) -> dict[str, object]:
    """Returns the flags that the user gave, once it is clear that the builder knows them."""
    arguments = {flag: value for flag, value in given.items() if value is not None}
    for flag in arguments:
        if _BUILDER_FLAGS[flag] != name:
            raise UserError(f"--{flag} is for {_BUILDER_FLAGS[flag]}; leave it out for {name}")
    return arguments


def _check_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise UserError(
            f"cannot write to data_dir {data_dir} ({error.strerror}); give another --data_dir"
        ) from error


@contextlib.contextmanager
def _set_aside(built: Path) -> Iterator[None]:
    """Moves a built data set out of the way and deletes it only if the block succeeds."""
    aside = built.with_name(built.name + ".replaced")
    shutil.rmtree(aside, ignore_errors=True)
    built.rename(aside)
    try:
        yield
    except BaseException:
        shutil.rmtree(built, ignore_errors=True)
        aside.rename(built)
        raise
    shutil.rmtree(aside)


def build(
    full_name: str,
    *,
    data_dir: str,
    manual_dir: str | None = None,
    overwrite: bool = False,
    **arguments: object,
) -> tuple[tfds.core.DatasetBuilder, bool]:
    """Builds a data set unless it is built already.

    TFDS writes into a folder of another name and renames it at the end, so an interrupted build
    leaves nothing that looks like a data set.

    Args:
        full_name: name and configuration, as `synthetic_dfer/tiny`.
        data_dir: folder of the built data sets.
        manual_dir: folder of a release that had to be requested.
        overwrite: whether to build again; the old one is kept until the new one is complete.
        **arguments: flags of the builder; None means not given.

    Returns:
        The builder, and whether it built anything.

    Raises:
        UserError: if the name is unknown, a folder is wrong, or the builder refuses its input.
    """
    builder_class, config = find_builder(full_name)
    arguments = _builder_arguments(full_name.partition("/")[0], arguments)
    folder = Path(data_dir).expanduser()
    _check_writable(folder)
    if config:
        arguments["config"] = config

    def create() -> tfds.core.DatasetBuilder:
        return builder_class(data_dir=folder, **arguments)

    builder = create()
    done = builder.is_prepared()
    if done and not overwrite:
        return builder, False
    download_config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    with _set_aside(Path(builder.data_path)) if done else contextlib.nullcontext():
        builder = create()
        builder.download_and_prepare(download_config=download_config)
    return builder, True


def main(argv: list[str]) -> None:
    """Builds the data set named on the command line and says where it lies."""
    if len(argv) != 2:
        raise app.UsageError("give one NAME: python -m tfds_builders.build NAME", exitcode=2)
    tfds.disable_progress_bar()  # the builders show their own
    logging.set_verbosity(logging.ERROR)  # TFDS tells what it does, step by step
    try:
        builder, built = build(
            argv[1],
            data_dir=_DATA_DIR.value,
            manual_dir=_MANUAL_DIR.value,
            overwrite=_OVERWRITE.value,
            allow_missing=_ALLOW_MISSING.value,
            num_processes=_NUM_PROCESSES.value,
        )
    except KeyboardInterrupt as interrupt:
        raise UserError(
            "interrupted, nothing was built; the same command starts again"
        ) from interrupt
    full_name = f"{builder.name}/{builder.builder_config.name}"
    splits = ", ".join(
        f"{name} {info.num_examples:,}" for name, info in builder.info.splits.items()
    )
    print(f"{full_name} {'built' if built else 'is built already (--overwrite builds it again)'}")
    print(f"  clips  {splits}")
    print(f"  where  {builder.data_path}")
    print(f"  next   {_next_command(builder.name, full_name)}")


def _next_command(name: str, full_name: str) -> str:
    """Returns the command that trains on the data set just built."""
    command = f"python -m dfer_jax.main --config configs/{_EXPERIMENTS.get(name, 'base')}.py"
    command += f" --config.data.dataset={full_name}"
    if _DATA_DIR.value != DATA_DIR:
        command += f" --config.data.data_dir={_DATA_DIR.value}"
    return command


if __name__ == "__main__":
    run(main)
