import tfds_case

from tfds_builders.ferv39k import ferv39k_dataset_builder


class Ferv39kTest(tfds_case.TfdsCase):
    DATASET_CLASS = ferv39k_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ("all_scenes",)
    SPLITS = {"train": 2, "test": 2}  # noqa: RUF012 (the base class's form)
