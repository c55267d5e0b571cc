import tfds_case

from tfds_builders.aff_wild2 import aff_wild2_dataset_builder


class AffWild2Test(tfds_case.TfdsCase):
    DATASET_CLASS = aff_wild2_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ("expr", "au")
    SPLITS = {"train": 2, "validation": 1}  # noqa: RUF012 (the base class's form)
