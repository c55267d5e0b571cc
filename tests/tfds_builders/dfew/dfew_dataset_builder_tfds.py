"""TFDS's own test case on the DFEW builder; needs the `tfds` extra, so pytest does not collect it.

PYTHONPATH=tests python tests/tfds_builders/dfew/dfew_dataset_builder_tfds.py
"""

import tempfile
from pathlib import Path

import dfew_tree
import tensorflow_datasets as tfds

from tfds_builders.dfew import dfew_dataset_builder

ROOT = Path(tempfile.mkdtemp()) / "dfew"
dfew_tree.write_tree(
    ROOT, [dfew_tree.Clip(i, 2 + i % 3, i % 7 + 1, i % 5 + 1) for i in range(1, 11)]
)


class DfewTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = dfew_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ("full",)
    EXAMPLE_DIR = ROOT
    SPLITS = {f"fd{fold}": 2 for fold in range(1, 6)}  # noqa: RUF012 (the base class's form)
    SKIP_TF1_GRAPH_MODE = True

    def _make_builder(self, config=None):
        """Builds TFRecord, the only one of the two formats that tf.data reads."""
        return self.dataset_class(
            data_dir=self.tmp_dir, config=config, version=self.VERSION, file_format="tfrecord"
        )


if __name__ == "__main__":
    tfds.testing.test_main()
