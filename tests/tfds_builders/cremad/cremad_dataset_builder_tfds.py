import tfds_case

from tfds_builders.cremad import cremad_dataset_builder


class CremadTest(tfds_case.TfdsCase):
    DATASET_CLASS = cremad_dataset_builder.Builder
    SPLITS = {f"fd{fold}": 1 for fold in range(1, 6)}  # noqa: RUF012 (the base class's form)
