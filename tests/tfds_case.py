"""What TFDS's own test case needs to know of every builder here; needs the `tfds` extra."""

import tensorflow_datasets as tfds


class TfdsCase(tfds.testing.DatasetBuilderTestCase):
    """Builds a builder's dummy data as TFRecord, the only one of the formats that tf.data reads."""

    SKIP_TF1_GRAPH_MODE = True

    def _make_builder(self, config=None):
        return self.dataset_class(
            data_dir=self.tmp_dir, config=config, version=self.VERSION, file_format="tfrecord"
        )
