"""TFDS builders; importing this package registers all of them with TFDS."""

import dfer_jax  # noqa: F401 Ctrl-C says no more than that from here on
from tfds_builders.aff_wild2 import aff_wild2_dataset_builder  # noqa: F401
from tfds_builders.cremad import cremad_dataset_builder  # noqa: F401
from tfds_builders.dfew import dfew_dataset_builder  # noqa: F401
from tfds_builders.ferv39k import ferv39k_dataset_builder  # noqa: F401
from tfds_builders.mafw import mafw_dataset_builder  # noqa: F401
from tfds_builders.ravdess import ravdess_dataset_builder  # noqa: F401
from tfds_builders.synthetic_dfer import synthetic_dfer_dataset_builder  # noqa: F401
from tfds_builders.video_folder import video_folder_dataset_builder  # noqa: F401
