"""What the builders of released clips share: one example format, one checked pass, one report."""

import abc
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from dfer_jax.errors import UserError, counted, list_some
from dfer_jax.labels import CLASSES
from dfer_jax.video.faces.settings_file import read_settings
from tfds_builders import report
from tfds_builders.frames import Clip, EncodedClip, reader_pool
from tfds_builders.local_info import LocalInfo
from tfds_builders.single_pass import Findings, SinglePass, read_alone

Examples = Iterator[tuple[str, dict[str, Any]]]


class ClipBuilder(LocalInfo, tfds.core.ShardBasedBuilder):
    """Clips as encoded frames in the order of the release, frames keep the released bytes.

    Shard based, because TFDS's generator-based builder writes everything twice to shuffle it and
    holds up to 1 GB in memory, then 1,000 open files; here clips stay in their order and memory is
    bounded by one shard. With Beam each shard is read and written by a worker.
    """

    HOMEPAGE: ClassVar[str | None] = None
    OPTIONS: ClassVar[tuple[str, ...]] = ()
    """Flags of `dfer build` and `dfer check` that this builder takes besides those of all."""

    @classmethod
    @abc.abstractmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the clips and reads the lists; no image is opened yet.

        Args:
            manual_dir: the user's folder.
            config: name of the builder's configuration.
            allow_missing: listed clips may be absent or empty.

        Raises:
            UserError: if the folder does not hold what the configuration needs.
        """

    def options(self) -> dict[str, Any]:
        """Returns the arguments of `prepare` besides those of every builder."""
        return {}

    def extra_features(self) -> dict[str, Any]:
        """Returns the features of an example besides those that every clip has."""
        return {}

    def label_features(self) -> dict[str, Any]:
        """Returns the features that say what a clip shows; by default `label`, one for all of it.

        A builder of videos that are labelled frame by frame has others, and clips without label.
        """
        return {"label": tfds.features.ClassLabel(names=self.class_names())}

    def class_names(self) -> Sequence[str] | None:
        """Returns the classes in their order, the canonical ones by default.

        None where the user's folder decides them: those that `prepare` finds are taken.
        """
        return CLASSES

    def __init__(
        self, *, allow_missing: bool = False, file_format: str | None = None, **kwargs: Any
    ):
        """Initialises the builder.

        Args:
            allow_missing: builds although listed clips are absent or empty, and lists them.
            file_format: record format; by default that of what is built already, else
                ArrayRecord, readable without TensorFlow.
            **kwargs: those of every TFDS builder (`config`, `data_dir`, `version`).
        """
        self._allow_missing = allow_missing
        super().__init__(file_format=file_format, **kwargs)
        if file_format is None and not self.is_prepared():
            self.info.set_file_format("array_record", override=True)

    def _info(self) -> tfds.core.DatasetInfo:
        frame = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        features = {
            "clip_id": tfds.features.Text(doc="name of the clip in the release"),
            "frames": tfds.features.Sequence(frame, doc="frames in their order"),
            "num_frames": tfds.features.Scalar(np.int32, doc="frames on disk"),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                features | self.label_features() | self.extra_features()
            ),
            homepage=self.HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,
        )

    def _download_and_prepare(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig | None = None,
    ) -> None:
        """Builds in one pass over the clips.

        Raises:
            UserError: with all problems, after which TFDS removes what was written.
        """
        download_config = _with_runner(download_config or tfds.download.DownloadConfig())
        manual_dir = _manual_dir(dl_manager, download_config, self.name)
        crop = read_settings(manual_dir)
        self._pass = self.prepare(
            manual_dir,
            config=self.builder_config.name,
            allow_missing=self._allow_missing,
            **self.options(),
        )
        self._name_classes()
        if download_config.beam_runner:
            self._pass.fail_if_any()
            self._alone: list[Path] = []
            super()._download_and_prepare(dl_manager, download_config)
            self._take_findings()
        else:
            self._read_here(functools.partial(super()._download_and_prepare, dl_manager))
        self._pass.fail_if_any()
        self.info.metadata.update(report.metadata(self._pass))
        if crop is not None:  # travels on into checkpoints
            self.info.metadata["crop"] = crop.to_json()
        print(report.summary(self._pass))

    def _name_classes(self) -> None:
        """Gives the label the names that the user's folder holds, where it decides them."""
        features = self.info.features
        if "label" in features and features["label"].num_classes is None:
            features["label"].names = self._pass.classes

    def _read_here(self, write: Callable[[], None]) -> None:
        """Writes all shards in this process, with a progress bar."""
        clips = len(self._pass.listing.clips)
        self._alone = None
        with (
            reader_pool() as self._pool,
            tqdm(total=clips, desc=self.info.full_name, unit=" clips") as self._bar,
        ):
            if self._pass.problems:
                self._bar.write(
                    f"{counted(len(self._pass.problems), 'problem')} so far, nothing will be "
                    "built:\n"
                    f"{list_some(self._pass.problems, most=5)}\n"
                    "now checking the frames too, to list everything at once (Ctrl-C stops)"
                )
            write()

    def _take_findings(self) -> None:
        """Collects what the workers found in their shards."""
        for path in self._alone:
            self._pass.findings.add(Findings.read(path))
            path.unlink()

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Sequence[Callable[[], Examples]]]:
        del dl_manager  # the release is found before
        return {
            split: [
                self._shard_iterator(shard, f"{split}-{number}")
                for number, shard in enumerate(self._pass.shards(split))
            ]
            for split in self._pass.splits
        }

    def _shard_iterator(self, shard: Sequence[Clip], name: str) -> Callable[[], Examples]:
        if self._alone is None:
            return functools.partial(
                _examples_here, shard, state=self._pass, pool=self._pool, bar=self._bar
            )
        self._alone.append(Path(self.data_path) / f"findings-{name}.json")
        return functools.partial(_examples_alone, shard, findings=self._alone[-1])


def _examples_here(
    shard: Sequence[Clip], *, state: SinglePass, pool: ThreadPoolExecutor, bar: tqdm
) -> Examples:
    yield from map(_keyed, state.read(shard, pool=pool, bar=bar))


def _examples_alone(shard: Sequence[Clip], *, findings: Path) -> Examples:
    yield from map(_keyed, read_alone(shard, findings=findings))


def _keyed(read: EncodedClip) -> tuple[str, dict[str, Any]]:
    return read.clip.id, read.example


def _with_runner(config: tfds.download.DownloadConfig) -> tfds.download.DownloadConfig:
    """Returns the configuration with the Beam runner that its options name.

    TFDS hands the options on, but builds shard by shard in one process unless a runner is named.
    """
    if not config.beam_options or config.beam_runner:
        return config
    from apache_beam.options.pipeline_options import StandardOptions  # extra: tfds

    runner = config.beam_options.view_as(StandardOptions).runner or "DirectRunner"
    return config.replace(beam_runner=runner)


def _manual_dir(
    dl_manager: tfds.download.DownloadManager,
    download_config: tfds.download.DownloadConfig,
    name: str,
) -> Path:
    """Returns the user's folder.

    Raises:
        UserError: if it does not exist, is not a folder or is empty.
    """
    given = download_config.manual_dir
    try:
        return Path(dl_manager.manual_dir)
    except (AssertionError, OSError) as error:
        if not given:
            raise UserError(
                f"{name} is built from files that you have: name their folder by --manual_dir"
            ) from error
        path, state = Path(given).expanduser(), "does not exist"
        if isinstance(error, PermissionError):
            state = "cannot be read"
        elif path.exists():
            state = "is empty" if path.is_dir() else "is not a folder"
        raise UserError(
            f"manual_dir {path} {state}: pass the folder that holds the data of {name}"
        ) from error
