r"""All speed comparisons of the network with PyTorch, on whatever device there is, in one command.

    pip install -e '.[bench]'                # on a GPU: -e '.[bench,cuda13]', as PyTorch's wheels
    python -m benchmarks.speed.against_pytorch --out runs/benchmarks/speed

Runs what `train_step`, `eval_step` and `inference_latency` run, prints one table with the time that
the whole of DFEW takes at these rates, and writes train_step.json, eval_step.json,
inference_latency.json and projection.json. Three minutes on two cores with --notorch_compile.
`train_step` says what the columns mean.
"""

from pathlib import Path

from absl import flags

from benchmarks.speed import network_speed, speed_table
from dfer_jax.errors import run

flags.adopt_module_key_flags(network_speed)  # shown by --help
_BATCH = flags.DEFINE_integer(
    "batch", None, "Clips in a batch of training and evaluation; by the device if not given.", 1
)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/speed", "Folder for the JSON files.")

_FILES = {"train": "train_step", "eval": "eval_step", "latency": "inference_latency"}


def main(_: list[str]) -> None:
    """Compares at all tasks, prints, writes."""
    device, out = network_speed.find_device(), Path(_OUT.value)
    found = {}
    for task, name in _FILES.items():
        found[task] = network_speed.from_flags(task, device=device, batch=_BATCH.value)
        speed_table.write(out / f"{name}.json", found[task])
        lines = [] if len(found) > 1 else speed_table.heading(found[task])
        print("\n".join([*lines, "", *speed_table.rows(found[task])]), flush=True)
    projection = speed_table.projection(found["train"], found["eval"])
    speed_table.write(out / "projection.json", projection)
    print(f"\n{speed_table.project(projection)}")


if __name__ == "__main__":
    run(main)
