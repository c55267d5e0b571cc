import tfds_case

from tfds_builders.synthetic_dfer import synthetic_dfer_dataset_builder


class SyntheticDferTest(tfds_case.TfdsCase):
    DATASET_CLASS = synthetic_dfer_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ("smoke",)
    SPLITS = {"train": 28, "test": 14}  # noqa: RUF012 (the base class's form)
    EXAMPLE_DIR = "."  # nothing is read: the clips are rendered
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False  # the builder asks how many cores there are
