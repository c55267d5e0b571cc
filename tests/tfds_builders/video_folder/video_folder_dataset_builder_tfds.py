import tfds_case

from tfds_builders.video_folder import video_folder_dataset_builder


class VideoFolderTest(tfds_case.TfdsCase):
    DATASET_CLASS = video_folder_dataset_builder.Builder
    SPLITS = {"train": 2, "test": 1, "validation": 1}  # noqa: RUF012 (the base class's form)
