"""TFDS builder of DFEW (Jiang et al., ACM Multimedia 2020) from the release as granted.

Splits `fd1` .. `fd5` are the official test folds, so every clip is stored once; the training data
of fold k are the other four (`fd1+fd3+fd4+fd5` for k = 2). Frames keep the released bytes.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from tfds_builders.dfew import report
from tfds_builders.dfew.clips import Clip, reader_pool
from tfds_builders.dfew.release import FOLDS
from tfds_builders.dfew.single_pass import SinglePass, prepare


class Builder(tfds.core.ShardBasedBuilder):
    """DFEW, full-length (`full`) or 16-frame (`f16`) form.

    Shard based, because TFDS's generator-based builder writes everything twice to shuffle it and
    holds up to 1 GB in memory, then 1,000 open files; here clips stay in the order of their ids and
    memory is bounded by one shard.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Single-labelled clips of DFEW release 1.0, five folds."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="full", description="every face frame (clip_224x224)"),
        tfds.core.BuilderConfig(name="f16", description="16 face frames (clip_224x224_16f)"),
    ]
    DEFAULT_CONFIG_NAME = "full"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    DFEW is granted on request to researchers (https://dfew-dataset.github.io): write from a
    university account and you receive archives and a password. Extract with that password, anywhere
    below one folder, and pass this folder as manual_dir:
      Clip/clip_224x224/clip_224x224_part_1.zip .. _part_11.zip     for dfew/full
      Clip/clip_224x224_16f.zip                                     for dfew/f16
      EmoLabel_DataSplit/test(single_labeled).zip                   for both
      EmoLabel_DataSplit/train(single_labeled).zip                  to have the folds compared
    """

    def __init__(
        self, *, allow_missing: bool = False, file_format: str | None = None, **kwargs: Any
    ):
        """Initialises the builder.

        Args:
            allow_missing: builds although listed clips are absent or empty, and lists them.
            file_format: record format; by default ArrayRecord, readable without TensorFlow.
            **kwargs: those of every TFDS builder (`config`, `data_dir`, `version`).
        """
        self._allow_missing = allow_missing
        super().__init__(file_format=file_format or "array_record", **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        frame = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "clip_id": tfds.features.Text(doc="five digits, as in the release: 00001"),
                    "frames": tfds.features.Sequence(frame, doc="aligned faces in frame order"),
                    "num_frames": tfds.features.Scalar(np.int32, doc="frames on disk"),
                    "label": tfds.features.ClassLabel(names=CLASSES),
                }
            ),
            homepage="https://dfew-dataset.github.io",
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,
        )

    def _download_and_prepare(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig | None = None,
    ) -> None:
        """Builds in one pass over the frames.

        Raises:
            UserError: with all problems, after which TFDS removes what was written.
        """
        form = self.builder_config.name
        manual_dir = _manual_dir(dl_manager, download_config)
        self._pass = prepare(manual_dir, form=form, allow_missing=self._allow_missing)
        frames = sum(len(clip.frames) for clip in self._pass.listing.clips)
        with (
            reader_pool() as self._pool,
            tqdm(total=frames, desc=f"dfew/{form}", unit=" frames", unit_scale=True) as self._bar,
        ):
            if self._pass.problems:
                self._bar.write(
                    f"{len(self._pass.problems):,} problems so far, nothing will be built; "
                    "checking the images too, to list everything at once (Ctrl-C stops)"
                )
            super()._download_and_prepare(dl_manager, download_config)
        self._pass.fail_if_any()
        _report(self._pass, form=form, info=self.info)

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Sequence[Callable[[], Iterator[tuple[int, dict[str, Any]]]]]]:
        del dl_manager  # the release is found before
        return {
            f"fd{fold}": [
                functools.partial(
                    _examples, shard, state=self._pass, pool=self._pool, bar=self._bar
                )
                for shard in self._pass.shards(fold)
            ]
            for fold in FOLDS
        }


def _examples(
    shard: Sequence[Clip], *, state: SinglePass, pool: ThreadPoolExecutor, bar: tqdm
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields key and example of each clip of a shard."""
    for read in state.read(shard, pool=pool, bar=bar):
        example = {
            "clip_id": read.clip.id,
            "frames": read.frames,
            "num_frames": len(read.frames),
            "label": read.clip.entry.label - 1,
        }
        yield int(read.clip.id), example


def _manual_dir(
    dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig | None
) -> Path:
    """Returns the user's folder.

    Raises:
        UserError: if it does not exist, is not a folder or is empty.
    """
    given = download_config.manual_dir if download_config else None
    path = Path(given or Path(dl_manager.download_dir) / "manual").expanduser()
    try:
        return Path(dl_manager.manual_dir)
    except (AssertionError, OSError) as error:
        state = "does not exist"
        if isinstance(error, PermissionError):
            state = "cannot be read"
        elif path.exists():
            state = "is empty" if path.is_dir() else "is not a folder"
        raise UserError(
            f"manual_dir {path} {state}: pass the folder in which you extracted the DFEW release"
        ) from error


def _report(state: SinglePass, *, form: str, info: tfds.core.DatasetInfo) -> None:
    """Prints counts and warnings, and keeps them in the dataset's metadata."""
    listing = state.listing
    warnings = state.warnings + report.warning_lines(listing, form=form, mixed=state.mixed)
    facts = report.metadata(
        listing,
        form=form,
        extra=state.extra,
        sizes=state.sizes,
        mixed=state.mixed,
        warnings=warnings,
    )
    info.metadata.update(facts)
    print(report.count_table(listing.clips))
    sizes = ", ".join(f"{size} ({n:,} clips)" for size, n in facts["clips_by_frame_size"].items())
    print(f"{facts['num_frames']:,} frames; height x width {sizes}")
    print(f"{state.extra:,} further clip folders are in no list")
    for warning in warnings:
        print(f"warning: {warning}")
