r"""How long does one clip take, from uint8 frames in host memory to probabilities there?

    pip install -e '.[bench]'
    python -m benchmarks.speed.inference_latency

One call at a time, batch 1: the copy to the device, scaling to [0, 1], the network with running
statistics, the copy back. Ours against PyTorch as in `eval_step`; on a GPU torch.compile uses CUDA
graphs. Every repeat makes 20 calls; p50 and p95 are over the calls of all repeats.

Prints a table (columns as in `train_step`) and writes JSON.
"""

from pathlib import Path

from absl import flags

from benchmarks.speed import network_speed, speed_table
from dfer_jax.errors import run

flags.adopt_module_key_flags(network_speed)  # shown by --help
_OUT = flags.DEFINE_string("out", "runs/benchmarks/inference_latency.json", "Where the JSON goes.")


def main(_: list[str]) -> None:
    """Compares, prints, writes."""
    figures = network_speed.from_flags("latency", device=network_speed.find_device())
    print("\n".join([*speed_table.heading(figures), *speed_table.rows(figures)]))
    speed_table.write(Path(_OUT.value), figures)


if __name__ == "__main__":
    run(main)
