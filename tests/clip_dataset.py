"""A small built dataset whose pictures say which clip and which frame they are."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import tensorflow_datasets as tfds

from dfer_jax.labels import CLASSES

SIZE = 32  # a 4 x 4 grid of 8 x 8 blocks: 8 bits of the clip's number, 8 bits of the frame's
LENGTHS = (1, 2, 5, 9, 16, 17, 24, 40, 3, 31, 20, 12)  # frames of the training clips
TEST_LENGTHS = (7, 16, 1, 30, 18)
STORED_NAMES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def picture_of(clip: int, frame: int) -> np.ndarray:
    """Returns the uint8 RGB picture of a frame; red and blue differ, to show the channel order."""
    bits = np.array([(clip << 8 | frame) >> bit & 1 for bit in range(16)], np.uint8).reshape(4, 4)
    green = np.kron(bits * 190 + 30, np.ones((8, 8), np.uint8)).astype(np.uint8)
    return np.stack([green, green, green // 2], axis=-1)


def numbers_in(picture: np.ndarray) -> tuple[int, int]:
    """Returns clip and frame number read from a picture of any square size."""
    side = picture.shape[0] // 4
    centres = picture[side // 2 :: side, side // 2 :: side, 1].reshape(-1) > 125
    code = sum(int(bit) << place for place, bit in enumerate(centres))
    return code >> 8, code & 255


def jpeg_of(clip: int, frame: int) -> bytes:
    bgr = cv2.cvtColor(picture_of(clip, frame), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def votes_of(clip: int) -> np.ndarray:
    """Returns the ten votes on a clip of `votes`: seven for its label, three for the next."""
    votes = np.zeros(7, np.int32)
    if clip:
        votes[clip % 7], votes[(clip + 1) % 7] = 7, 3
    return votes


class ClipDataset(tfds.core.GeneratorBasedBuilder):
    """Clips of `LENGTHS` frames; clip c has label c % 7, in the order of `STORED_NAMES`.

    `plain` has the features every dataset has, `truth` adds those of the synthetic benchmark,
    `votes` those of ten annotators, which clip 0 lacks, and `broken` has a clip whose frame 3 lacks
    its second half.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = tuple(
        tfds.core.BuilderConfig(name=name) for name in ("plain", "truth", "votes", "broken")
    )

    def _info(self):
        names = CLASSES if self.builder_config.name == "truth" else STORED_NAMES
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        features = {
            "clip_id": tfds.features.Text(),
            "frames": tfds.features.Sequence(image),
            "num_frames": np.int32,
            "label": tfds.features.ClassLabel(names=list(names)),
        }
        if self.builder_config.name == "truth":
            features |= {"peak_intensity": np.float32, "identity": np.int32}
        if self.builder_config.name == "votes":
            features["votes"] = tfds.features.Tensor(shape=(len(names),), dtype=np.int32)
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        train = range(len(LENGTHS))
        test = range(len(LENGTHS), len(LENGTHS) + len(TEST_LENGTHS))
        return {"train": self._generate_examples(train), "test": self._generate_examples(test)}

    def _generate_examples(self, clips):
        for clip in clips:
            num_frames = (*LENGTHS, *TEST_LENGTHS)[clip]
            frames = [jpeg_of(clip, frame) for frame in range(num_frames)]
            if self.builder_config.name == "broken" and clip == 2:
                frames[3] = frames[3][: len(frames[3]) // 2]
            example = {
                "clip_id": f"{clip:05d}",
                "frames": frames,
                "num_frames": num_frames,
                "label": clip % 7,
            }
            if self.builder_config.name == "truth":
                example |= {"peak_intensity": clip / 16, "identity": clip // 3}
            if self.builder_config.name == "votes":
                example["votes"] = votes_of(clip)
            yield clip, example


def build(data_dir: str, config: str) -> str:
    """Builds one configuration and returns its name for `open_split`."""
    builder = ClipDataset(data_dir=data_dir, config=config, file_format="array_record")
    builder.download_and_prepare()
    return f"clip_dataset/{config}"


def rebuild(folder, config="plain", *, relabelled=None, repainted=None):
    """Builds a configuration anew, with one clip of another label or with another frame."""

    class Changed(ClipDataset, skip_registration=True):
        name = "clip_dataset"

        def _generate_examples(self, clips):
            for key, example in super()._generate_examples(clips):
                if key == relabelled:
                    example["label"] = (example["label"] + 3) % 7
                if key == repainted:
                    example["frames"][-1] = jpeg_of(200, 7)
                yield key, example

    shutil.rmtree(Path(folder) / "clip_dataset", ignore_errors=True)
    Changed(data_dir=str(folder), config=config, file_format="array_record").download_and_prepare()
