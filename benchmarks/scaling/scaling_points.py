"""What a training step, and a start of the training command, cost at one point of the axes."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.input import many_clips
from benchmarks.speed import interleaved, real_run

Point = dict[str, Any]


class Place(NamedTuple):
    """Where on the axes: frames of a clip, pixels, clips in a batch, devices that share it."""

    frames: int
    image_size: int
    batch: int
    devices: int


def fields(place: Place, *, width: int) -> dict[str, Any]:
    """Returns the fields of configs/synthetic.py that a place and a width change."""
    return {
        "model.width": width,
        "model.reduction": min(16, 2 * width),
        "model.image_size": place.image_size,
        "data.segments": place.frames,
        "data.decode_size": place.image_size + place.image_size // 8,
        "train.batch_size": place.batch,
    }


def at(place: Place, *, width: int, steps: int, repeats: int, on_processor: bool = False) -> Point:
    """Measures the training step on a resident batch, in a process of its own.

    Args:
        place: with `on_processor` its devices are threads of this machine's processor, else they
            are one, JAX's first choice.
        width: channels of the network's first stage.
        steps: of one measurement.
        repeats: measurements; the median counts.
        on_processor: whether a GPU that may be there is left alone.

    Returns:
        `step_s`, `clips_per_s`, and what `bare_step.BareStep.facts` tells.
    """
    environment = {"JAX_ENABLE_COMPILATION_CACHE": "false"}  # compiling is part of the picture
    if on_processor:
        environment["JAX_PLATFORMS"] = "cpu"
        environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={place.devices}"
    target, arguments = "benchmarks.speed.bare_step:BareStep", (fields(place, width=width), steps)
    with interleaved.Peer(str(place), target, arguments, environment) as peer:
        seconds = [peer.call("measure")[0] for _ in range(repeats)]
        step = interleaved.spread(seconds)
        rate = place.batch / step["median"]
        facts = peer.call("facts")
    return {"step_s": step["median"], "spread": step, "clips_per_s": rate, **facts}


def at_clips(place: Place, *, clips: int, width: int, steps: int, cached: bool) -> Point:
    """Starts the real training twice on a data set of so many clips and stops it after `steps`.

    Args:
        place: its devices are those of the machine.
        clips: training clips of the data set, which is made for the purpose.
        width: channels of the network's first stage.
        steps: to train.
        cached: whether frames come from the frame cache.

    Returns:
        seconds to the end of the first step and bytes of the process, of the first start, which
        compiles, and of the second.
    """
    changed = fields(place, width=width) | {"train.log_every_steps": 1}
    size = changed["data.decode_size"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changed["data.data_dir"] = data = folder / "data"
        changed["data.dataset"] = dataset = many_clips.build(
            data, clips=clips, frames=place.frames, side=size
        )
        if cached:
            many_clips.build_cache(data, dataset, size=size)
            changed["data.cache"] = True
        first, second = (
            real_run.train(
                changed,
                workdir=folder / f"run{start}",
                rows=steps,
                mode="train",
                environment=real_run.fresh_cache(folder / "programs"),
            )
            for start in range(2)
        )
    return {
        "first_start_s": first.first_row_s,
        "second_start_s": second.first_row_s,
        "first_process_bytes": first.peak_rss,
        "second_process_bytes": second.peak_rss,
        "second_anonymous_bytes": second.peak_anonymous or float("nan"),
    }


def growth(points: Mapping[str, Point]) -> str:
    """Says in one line how memory and start grow from the smallest data set to the largest.

    Args:
        points: of `at_clips`, by the number of clips.
    """
    few, many = min(points, key=int), max(points, key=int)
    memory = points[many]["second_process_bytes"] / points[few]["second_process_bytes"] - 1
    start = points[many]["second_start_s"] - points[few]["second_start_s"]
    return (
        f"{int(many) / int(few):.0f} times the clips: "
        f"peak memory {memory:+.1%}, second start {start:+.1f} s"
    )
