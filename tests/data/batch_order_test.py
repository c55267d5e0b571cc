import clip_dataset
import numpy as np

from dfer_jax.data import pipeline
from dfer_jax.data.batch_order import examples_at
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.source import open_split


def test_the_examples_named_are_those_that_are_trained_on(tmp_path):
    clip_dataset.build(str(tmp_path), "truth")
    source = open_split(dataset="clip_dataset/truth", split="train", data_dir=str(tmp_path))
    for rows in (range(4), range(2, 4)):
        batches = pipeline.training_batches(
            source,
            protocol=FrameProtocol(2),
            decode_size=8,
            batch_size=4,
            rows=rows,
            seed=3,
            start_step=0,
            num_steps=8,
            num_workers=0,
        )
        for step, batch in enumerate(batches):
            order = {"num_examples": len(source), "batch_size": 4, "rows": rows, "seed": 3}
            labels = [source[i]["label"] for i in examples_at(step, **order)]
            np.testing.assert_array_equal(batch["labels"], labels)
