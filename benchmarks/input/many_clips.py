"""Built data sets of any number of clips with small pictures, made in seconds."""

import contextlib
import dataclasses
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from benchmarks.input import rendered_release
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES

TEST_CLIPS = 28
_DISTINCT = 28  # clips drawn; the others repeat their pictures
_SHORTEST = 3  # frames that can be rendered


@dataclasses.dataclass(eq=False)
class _Size(tfds.core.BuilderConfig):
    clips: int = 0
    frames: int = 0
    side: int = 0


class ManyClips(tfds.core.GeneratorBasedBuilder):
    """Clips of rendered faces, stored as every data set of clips is; clip n has label n % 7."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        features = {
            "clip_id": tfds.features.Text(),
            "frames": tfds.features.Sequence(image),
            "num_frames": np.int32,
            "label": tfds.features.ClassLabel(names=list(CLASSES)),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        clips = self.builder_config.clips
        return {
            "train": self._generate_examples(0, clips),
            "test": self._generate_examples(clips, clips + TEST_CLIPS),
        }

    def _generate_examples(self, first: int, last: int) -> Iterator[tuple[int, dict[str, Any]]]:
        size = self.builder_config
        rendered = rendered_release.jpeg_clips(
            count=_DISTINCT, frames=max(size.frames, _SHORTEST), side=size.side
        )
        shown = [clip[: size.frames] for clip in rendered]
        for clip in range(first, last):
            example = {
                "clip_id": f"{clip:05d}",
                "frames": shown[clip % _DISTINCT],
                "num_frames": size.frames,
                "label": clip % len(CLASSES),
            }
            yield clip, example


def build(data_dir: Path, *, clips: int, frames: int, side: int) -> str:
    """Builds a data set of `clips` training clips and returns its name; one that is there is kept.

    Args:
        data_dir: where to.
        clips: in split "train"; split "test" has `TEST_CLIPS`.
        frames: of each clip.
        side: of the square JPEG frames in pixels.
    """
    size = _Size(name=f"n{clips}_t{frames}_s{side}", clips=clips, frames=frames, side=side)
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS says that it starts and that it is done
        ManyClips(data_dir=data_dir, config=size, file_format="array_record").download_and_prepare()
    return f"many_clips/{size.name}"


def build_cache(data_dir: Path, dataset: str, *, size: int) -> None:
    """Decodes all frames into the frame cache beside the data set, with the product's command.

    Raises:
        UserError: if that fails.
    """
    command = [sys.executable, "-m", "dfer_jax.data.frame_cache", dataset]
    command += [f"--data_dir={data_dir}", f"--size={size}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"the frame cache could not be built: {done.stderr.strip()[-2000:]}")
