"""Builds a data set; needs no TensorFlow.

    dfer build synthetic_dfer/tiny
    dfer build dfew/full --manual_dir /where/dfew/was/extracted
    dfer build aff_wild2/expr --manual_dir /where/aff-wild2/was/extracted
    dfer build video_folder/my_clips --manual_dir /where/my/videos/are

Exit codes: 0 done (or already built), 1 something in the input is wrong, 2 bad usage.
"""

import contextlib
import importlib
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from absl import app, flags, logging

from dfer_jax import shortages
from dfer_jax.errors import StoppedError, UserError, run, writing
from dfer_jax.runtime import places
from tfds_builders import replacing
from tfds_builders.clip_builder import ClipBuilder

DATA_DIR = "data"  # in the current directory; configs/base.py reads from the same place

_DATA_DIR = flags.DEFINE_string("data_dir", DATA_DIR, "Folder the built data sets lie in.")
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir", None, "Folder of a release that had to be requested, or of one's own videos."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Build again what is built already.")
_ALLOW_MISSING = flags.DEFINE_bool(
    "allow_missing", None, "Build although listed clips are missing; they are named."
)
_BEAM_OPTIONS = flags.DEFINE_string(
    "beam_pipeline_options",
    None,
    "Build on an Apache Beam runner (extra: tfds), e.g. runner=DirectRunner,direct_num_workers=4.",
)
_CLASSES = flags.DEFINE_list(
    "classes", None, "Classes of one's own videos in their order; by default those of the table."
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "Processes that work in parallel; by default one for each core.", 1
)
_EXPERIMENTS = {  # file in configs/ where that is not the data set's name
    "synthetic_dfer": "synthetic",
    "synthetic_dfer/frames": "synthetic_frames",
    "synthetic_dfer/frames_smoke": "synthetic_frames",
    "aff_wild2/expr": "aff_wild2_cnn",
    "aff_wild2/au": "aff_wild2_au",
}


def known_builders() -> dict[str, type[tfds.core.DatasetBuilder]]:
    """Returns the builder classes that lie beside this file, by data set name."""
    folder = Path(__file__).parent
    names = [path.parent.name for path in sorted(folder.glob("*/*_dataset_builder.py"))]
    module = "tfds_builders.{0}.{0}_dataset_builder"
    return {name: importlib.import_module(module.format(name)).Builder for name in names}


def find_builder(full_name: str) -> tuple[type[tfds.core.DatasetBuilder], Any]:
    """Returns the builder class and the configuration that `full_name` ("name/config") names.

    Raises:
        UserError: if there is no such data set or configuration.
    """
    builders = known_builders()
    name, _, config = full_name.partition("/")
    if name in builders:
        if not config or config in builders[name].builder_configs:
            return builders[name], config or None
        if getattr(builders[name], "ANY_CONFIG", False):
            return builders[name], _own_config(name, config)
    known = [
        f"{known}/{config}" if config else known
        for known, builder in builders.items()
        for config in builder.builder_configs or [""]
    ]
    raise UserError(
        f"no data set {full_name!r}; there are {', '.join(known)}, and video_folder/ANY_NAME for "
        "videos of one's own"
    )


def _own_config(name: str, config: str) -> tfds.core.BuilderConfig:
    """Returns the configuration of a name that the user made up."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", config):
        raise UserError(
            f"{name}/{config}: the name after the stroke must be of a-z, 0-9 and _ and begin with "
            "a letter"
        )
    return tfds.core.BuilderConfig(name=config)


def _flags_of(builder: type[tfds.core.DatasetBuilder]) -> set[str]:
    """Returns the flags that a builder knows besides those that all do."""
    if issubclass(builder, ClipBuilder):
        return {"allow_missing", "beam_pipeline_options", *builder.OPTIONS}
    return {"num_processes"}


def known_to(name: str, given: Mapping[str, object]) -> dict[str, object]:
    """Returns the flags that the user gave, once it is clear that the builder knows them."""
    builders = known_builders()
    arguments = {flag: value for flag, value in given.items() if value is not None}
    for flag in arguments.keys() - _flags_of(builders[name]):
        users = [user for user, builder in builders.items() if flag in _flags_of(builder)]
        raise UserError(f"--{flag} is for {', '.join(users)}; leave it out for {name}")
    return arguments


def _download_config(manual_dir: str | None, beam: object) -> tfds.download.DownloadConfig:
    if beam is None:
        return tfds.download.DownloadConfig(manual_dir=manual_dir)
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise UserError(
            "--beam_pipeline_options needs Apache Beam: pip install 'dfer_jax[tfds]'"
        ) from error
    options = PipelineOptions([f"--{option}" for option in str(beam).split(",")])
    return tfds.download.DownloadConfig(manual_dir=manual_dir, beam_options=options)


def _check_writable(data_dir: Path) -> None:
    with writing(data_dir, "give another --data_dir"):
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass


@contextlib.contextmanager
def _room_suffices(data_dir: Path, full_name: str) -> Iterator[None]:
    """Says of a full disk what the half-built data set, which is gone by then, did not fit into."""
    try:
        yield
    except Exception as error:
        if not shortages.is_full(error):
            raise
        free = places.shown(shutil.disk_usage(data_dir).free)
        raise UserError(
            f"the {free} free in {data_dir} do not suffice for {full_name}, which takes about as "
            "much as its pictures; make room or give another --data_dir and run the same command "
            "again: nothing written before is lost"
        ) from error


@contextlib.contextmanager
def _no_empty_folders(data_dir: Path) -> Iterator[None]:
    """Deletes the folders that TFDS makes for downloads, which no builder of ours has."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # what has something in it stays
            (data_dir / "downloads" / "extracted").rmdir()
            (data_dir / "downloads").rmdir()


def build(
    full_name: str,
    *,
    data_dir: str,
    manual_dir: str | None = None,
    overwrite: bool = False,
    **arguments: object,
) -> tuple[tfds.core.DatasetBuilder, bool]:
    """Builds a data set unless it is built already.

    An interrupted build leaves nothing that looks like a data set; see `replacing`.

    Args:
        full_name: name and configuration, as `synthetic_dfer/tiny`.
        data_dir: folder of the built data sets.
        manual_dir: folder of a release that had to be requested, or of one's own videos.
        overwrite: whether to build again; the old one is kept until the new one is complete.
        **arguments: flags of the builder; None means not given.

    Returns:
        The builder, and whether it built anything.

    Raises:
        UserError: if the name is unknown, a folder is wrong, or the builder refuses its input.
    """
    builder_class, config = find_builder(full_name)
    arguments = known_to(full_name.partition("/")[0], arguments)
    download_config = _download_config(manual_dir, arguments.pop("beam_pipeline_options", None))
    folder = Path(data_dir).expanduser()
    _check_writable(folder)
    if config:
        arguments["config"] = config

    def create() -> tfds.core.DatasetBuilder:
        return builder_class(data_dir=folder, **arguments)

    with replacing.locked(Path(create().data_path)) as built:
        if built.exists() and not overwrite:
            return create(), False
        with replacing.set_aside(built):
            builder = create()
            # TFDS would announce a download of unknown size, and nothing is downloaded.
            builder._log_download_bytes = builder._log_download_done = lambda: None
            with _room_suffices(folder, full_name), _no_empty_folders(folder):
                builder.download_and_prepare(download_config=download_config)
    return builder, True


def main(argv: list[str]) -> None:
    """Builds the data set named on the command line and says where it lies."""
    if len(argv) != 2:
        raise app.UsageError("give one NAME: dfer build NAME", exitcode=2)
    tfds.disable_progress_bar()  # the builders show their own
    logging.set_verbosity(logging.ERROR)  # TFDS tells what it does, step by step
    try:
        builder, built = build(
            argv[1],
            data_dir=_DATA_DIR.value,
            manual_dir=_MANUAL_DIR.value,
            overwrite=_OVERWRITE.value,
            allow_missing=_ALLOW_MISSING.value,
            beam_pipeline_options=_BEAM_OPTIONS.value,
            num_processes=_NUM_PROCESSES.value,
            classes=_CLASSES.value,
        )
    except KeyboardInterrupt as interrupt:
        raise StoppedError(
            "interrupted, nothing was built; the same command starts again"
        ) from interrupt
    full_name = f"{builder.name}/{builder.builder_config.name}"
    splits = ", ".join(
        f"{name} {info.num_examples:,}" for name, info in builder.info.splits.items()
    )
    print(f"{full_name} {'built' if built else 'is built already (--overwrite builds it again)'}")
    print(f"  clips  {splits}")
    print(f"  where  {builder.data_path}")
    print(f"  next   {_next_command(full_name)}")


def _next_command(full_name: str) -> str:
    """Returns the command that trains on the data set just built."""
    name = full_name.partition("/")[0]
    experiment = _EXPERIMENTS.get(full_name, _EXPERIMENTS.get(name, name))
    command = f"dfer train configs/{experiment}.py"
    command += f" data.dataset={full_name}"
    if _DATA_DIR.value != DATA_DIR:
        command += f" data.data_dir={shlex.quote(_DATA_DIR.value)}"
    return command


if __name__ == "__main__":
    run(main)
