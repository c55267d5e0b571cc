"""Which examples a batch holds, without reading them."""

from collections.abc import Sequence

import grain


def examples_at(
    step: int, *, num_examples: int, batch_size: int, rows: Sequence[int], seed: int
) -> list[int]:
    """Returns which examples are in a step's batch, as `pipeline.training_batches` draws them.

    Args:
        step: counted from 0.
        num_examples: of the source, at least `batch_size`.
        batch_size: of the whole batch.
        rows: of the batch.
        seed: of the permutations.
    """
    epoch, batch = divmod(step, num_examples // batch_size)
    first = epoch * num_examples + batch * batch_size
    shuffled = grain.MapDataset.range(num_examples).seed(seed).shuffle()
    return [int(shuffled[first + row]) for row in rows]
