import tfds_case

from tfds_builders.mafw import mafw_dataset_builder


class MafwTest(tfds_case.TfdsCase):
    DATASET_CLASS = mafw_dataset_builder.Builder
    SPLITS = {f"fd{fold}": 1 for fold in range(1, 6)}  # noqa: RUF012 (the base class's form)
