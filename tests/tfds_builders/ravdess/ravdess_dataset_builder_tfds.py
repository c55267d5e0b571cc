import tfds_case

from tfds_builders.ravdess import ravdess_dataset_builder


class RavdessTest(tfds_case.TfdsCase):
    DATASET_CLASS = ravdess_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["speech", "song"]  # noqa: RUF012
    SPLITS = {f"fd{fold}": 1 for fold in range(1, 7)}  # noqa: RUF012 (the base class's form)
