r"""How fast is one training step of our network, against PyTorch's of the same network?

    pip install -e '.[bench]'
    python -m benchmarks.speed.train_step
    python -m benchmarks.speed.train_step --batch 40 --dtype bfloat16 --notorch_compile

A step is forward, backward and SGD with momentum and weight decay on a batch that is already on the
device, BatchNorm in training mode, with the released losses. Ours is the step that training runs,
the memory of its state reused. PyTorch runs channels last, with autocast for bfloat16 and its best
number of threads, and once more under torch.compile. `network_speed` says what is checked first and
how it is timed.

Prints a table and writes JSON. Columns:

- ms: milliseconds per step, the median of the repeats and their range; clips/s follow from it.
- ours x: how many times as fast ours is.
- GFLOP/s: by XLA's count of our step, for all rows; "of peak": as a share of what the faster of
  JAX and PyTorch reaches in a large matrix product of this precision, measured in the same run.
- memory: the peak of the GPU's allocator; on CPU of the whole process, its compiler included.
- compile: seconds to trace and compile, nothing cached; first: seconds until the first result.
"""

from pathlib import Path

from absl import flags

from benchmarks.speed import network_speed, speed_table
from dfer_jax.errors import run

flags.adopt_module_key_flags(network_speed)  # shown by --help
_BATCH = flags.DEFINE_integer("batch", None, "Clips in a batch; by the device if not given.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/train_step.json", "Where the JSON goes.")


def main(_: list[str]) -> None:
    """Compares, prints, writes."""
    device = network_speed.find_device()
    figures = network_speed.from_flags("train", device=device, batch=_BATCH.value)
    print("\n".join([*speed_table.heading(figures), *speed_table.rows(figures)]))
    speed_table.write(Path(_OUT.value), figures)


if __name__ == "__main__":
    run(main)
