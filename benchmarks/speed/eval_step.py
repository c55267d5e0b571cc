r"""How fast is one evaluation step of our network, against PyTorch's of the same network?

    pip install -e '.[bench]'
    python -m benchmarks.speed.eval_step
    python -m benchmarks.speed.eval_step --batch 40 --dtype bfloat16 --notorch_compile

A step is the forward pass with running statistics, loss, confusion matrix, probabilities and
features of a batch that is already on the device. Ours is the step that evaluation runs. PyTorch
runs channels last, with autocast for bfloat16 and its best number of threads, and once more under
torch.compile. `network_speed` says what is checked first and how it is timed.

Prints a table and writes JSON. `train_step` says what the columns mean.
"""

from pathlib import Path

from absl import flags

from benchmarks.speed import network_speed, speed_table
from dfer_jax.errors import run

flags.adopt_module_key_flags(network_speed)  # shown by --help
_BATCH = flags.DEFINE_integer("batch", None, "Clips in a batch; by the device if not given.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/eval_step.json", "Where the JSON goes.")


def main(_: list[str]) -> None:
    """Compares, prints, writes."""
    device = network_speed.find_device()
    figures = network_speed.from_flags("eval", device=device, batch=_BATCH.value)
    print("\n".join([*speed_table.heading(figures), *speed_table.rows(figures)]))
    speed_table.write(Path(_OUT.value), figures)


if __name__ == "__main__":
    run(main)
