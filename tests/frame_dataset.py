"""A small built dataset of videos labelled frame by frame; colours show class and action units."""

import shutil

import cv2
import numpy as np
import tensorflow_datasets as tfds

from dfer_jax.labels import ACTION_UNITS, EXPRESSIONS

STORED_NAMES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
LENGTHS = (20, 1, 14, 3, 26, 17, 30, 12)  # frames of the training videos
TEST_LENGTHS = (11, 1, 24, 5)
SIZE = 32


def frame_numbers(video: int, length: int) -> np.ndarray:
    """Returns true numbers: one missing after the third frame, 20 after the tenth."""
    numbers = np.arange(1, length + 1)
    return numbers + (numbers > 3) + 20 * (numbers > 10) + video % 2


def stored_labels(video: int, length: int) -> np.ndarray:
    """Returns places in `STORED_NAMES` that change every four frames; -1 in two of nine."""
    frames = np.arange(length)
    labels = (video + frames // 4) % len(STORED_NAMES)
    return np.where(frames % 9 < 7, labels, -1)


def action_units(labels: np.ndarray) -> np.ndarray:
    """Returns int8 [n, 12]: unit u is active in the frames of classes u % 8 and (u + 1) % 8."""
    units = np.arange(len(ACTION_UNITS))
    active = (labels[:, None] == units % 8) | (labels[:, None] == (units + 1) % 8)
    return np.where(labels[:, None] < 0, -1, active).astype(np.int8)


def jpeg_of(video: int, label: int, frame: int) -> bytes:
    """Returns a picture: the class as a block, the video as a shade, the frame as a bar."""
    picture = np.full((SIZE, SIZE, 3), 30 + 10 * video, np.uint8)
    row, column = divmod(max(label, 0), 4)
    picture[16 * row : 16 * row + 16, 8 * column : 8 * column + 8] = (255, 128, 0)
    picture[frame % SIZE, :, 2] = 255
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


class FrameDataset(tfds.core.GeneratorBasedBuilder):
    """Videos with the features of aff_wild2; both kinds of labels in `both`, one in the others."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = tuple(tfds.core.BuilderConfig(name=n) for n in ("both", "expr", "broken"))

    def _info(self):
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        expression = tfds.features.ClassLabel(names=list(STORED_NAMES))
        features = {
            "clip_id": tfds.features.Text(),
            "frames": tfds.features.Sequence(image),
            "num_frames": np.int32,
            "group": tfds.features.Text(),
            "frame_numbers": tfds.features.Tensor(shape=(None,), dtype=np.int32),
            "expressions": tfds.features.Sequence(expression),
            "valid": tfds.features.Tensor(shape=(None,), dtype=np.bool_),
        }
        if self.builder_config.name == "both":
            features["action_units"] = tfds.features.Tensor(shape=(None, 12), dtype=np.int8)
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        train = range(len(LENGTHS))
        test = range(len(LENGTHS), len(LENGTHS) + len(TEST_LENGTHS))
        return {"train": self._generate_examples(train), "test": self._generate_examples(test)}

    def _generate_examples(self, videos):
        for video in videos:
            length = (*LENGTHS, *TEST_LENGTHS)[video]
            labels = stored_labels(video, length)
            frames = [jpeg_of(video, label, i) for i, label in enumerate(labels.tolist())]
            if self.builder_config.name == "broken" and video == 2:
                frames[3] = frames[3][: len(frames[3]) // 2]
            example = {
                "clip_id": f"video{video}",
                "frames": frames,
                "num_frames": length,
                "group": f"person{video // 2}",
                "frame_numbers": frame_numbers(video, length).astype(np.int32),
                "expressions": labels.tolist(),
                "valid": labels >= 0,
            }
            if self.builder_config.name == "both":
                example["action_units"] = action_units(labels)
            yield video, example


def canonical(labels: np.ndarray) -> np.ndarray:
    """Returns places in `EXPRESSIONS` of stored labels; -1 stays."""
    return np.array([EXPRESSIONS.index(STORED_NAMES[i]) if i >= 0 else -1 for i in labels])


def build(data_dir: str, config: str) -> str:
    """Builds one configuration and returns its name."""
    builder = FrameDataset(data_dir=data_dir, config=config, file_format="array_record")
    builder.download_and_prepare()
    return f"frame_dataset/{config}"


def rebuild(folder, *, relabelled=None, repainted=None):
    """Builds `both` anew, with one frame of a video of another label, or painted otherwise."""

    class Changed(FrameDataset, skip_registration=True):
        name = "frame_dataset"

        def _generate_examples(self, videos):
            for video, example in super()._generate_examples(videos):
                if video == relabelled:
                    example["expressions"][0] = (example["expressions"][0] + 2) % 7
                if video == repainted:
                    example["frames"][0] = jpeg_of(9, 3, 31)
                yield video, example

    shutil.rmtree(folder / "frame_dataset", ignore_errors=True)
    Changed(data_dir=str(folder), config="both", file_format="array_record").download_and_prepare()
