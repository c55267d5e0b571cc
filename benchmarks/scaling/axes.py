r"""How do time and memory grow with frames, image size, batch, devices, and clips in the data set?

    python -m benchmarks.scaling.axes
    python -m benchmarks.scaling.axes --axes frames,image_size --width 64 --repeats 5
    python -m benchmarks.scaling.axes --axes clips --clips 1000,12000 --cached

From one middle point each axis is walked alone. A point of `frames`, `image_size`, `batch` and
`devices` is the training step on a resident batch; a point of `clips` is the real training command
on a data set of so many clips, started twice, stopped after --steps. Every point is a process of
its own. The devices of axis `devices` are threads of this machine's processor, made for the purpose
even where there is a GPU: they show that work and memory are shared, not how fast devices are.

Prints tables and writes JSON. About ten minutes on two cores.
  state, batch   bytes the step is given and returns, on one device (the compiler's account)
  working        bytes it needs beside them while it runs, likewise
  process        largest resident set of the process, compilation included
"""

import json
import os
import platform
from pathlib import Path

from absl import flags, logging

from benchmarks.scaling import scaling_points
from benchmarks.scaling.scaling_points import Place, Point
from dfer_jax.errors import UserError, run

_AXES = flags.DEFINE_list("axes", "frames,image_size,batch,devices,clips", "What to walk.")
_FRAMES = flags.DEFINE_list("frames", "8,16,32,64", "Frames of a clip; the first is the middle's.")
_IMAGE_SIZE = flags.DEFINE_list(
    "image_size", "64,48,112,160,224", "Pixels, multiples of 16; the first is the middle's."
)
_BATCH = flags.DEFINE_list("batch", "8,4,16,32", "Clips; the first is the middle's.")
_DEVICES = flags.DEFINE_list("devices", "1,2,4", "Devices that share the middle's batch.")
_CLIPS = flags.DEFINE_list("clips", "1000,12000", "Training clips of a data set.")
_CACHED = flags.DEFINE_bool("cached", False, "Axis clips: read frames from the frame cache.")
_WIDTH = flags.DEFINE_integer("width", 16, "Channels of the network's first stage; 64 published.")
_STEPS = flags.DEFINE_integer("steps", 8, "Steps of one measurement.", 1)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Measurements of a point.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/scaling.json", "Where the JSON goes.")

_STEP_AXES = {"frames": _FRAMES, "image_size": _IMAGE_SIZE, "batch": _BATCH, "devices": _DEVICES}
_MB = 1e6


def main(_: list[str]) -> None:
    """Walks the axes, prints, writes."""
    logging.set_verbosity(logging.ERROR)  # TFDS tells what it does, step by step
    if unknown := set(_AXES.value) - {*_STEP_AXES, "clips"}:
        raise UserError(
            f"--axes knows no {sorted(unknown)}; it knows {', '.join(_STEP_AXES)}, clips"
        )
    print(
        f"width {_WIDTH.value}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True
    )
    middle = Place(*(int(_STEP_AXES[axis].value[0]) for axis in Place._fields))
    measured: dict[tuple[Place, bool], Point] = {}  # the middle lies on every axis
    found = {axis: _walk(axis, middle, measured) for axis in _AXES.value}
    if len(found.get("clips", {})) > 1:
        print(scaling_points.growth(found["clips"]))
    figures = {
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "width": _WIDTH.value,
        "cached": _CACHED.value,
        "middle": middle._asdict(),
        "axes": found,
    }
    out = Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2))


def _walk(axis: str, middle: Place, measured: dict[tuple[Place, bool], Point]) -> dict[str, Point]:
    """Measures and prints the points of an axis that are not `measured` yet, by their value."""
    print(f"\n{_heading(axis)}", flush=True)
    found = {}
    for value in sorted(map(int, _STEP_AXES.get(axis, _CLIPS).value)):
        often = {"width": _WIDTH.value, "steps": _STEPS.value}
        if axis == "clips":
            point = scaling_points.at_clips(middle, clips=value, cached=_CACHED.value, **often)
        else:
            place = middle._replace(**{axis: value})
            on_processor = axis == "devices" or place.devices > 1
            if (place, on_processor) not in measured:
                measured[place, on_processor] = scaling_points.at(
                    place, repeats=_REPEATS.value, on_processor=on_processor, **often
                )
            point = measured[place, on_processor]
        found[str(value)] = point
        print(_row(axis, value, point), flush=True)
    return found


def _heading(axis: str) -> str:
    if axis == "clips":
        source = "frame cache" if _CACHED.value else "JPEGs"
        return (
            f"{'clips':>10} {'1st start s':>12} {'2nd start s':>12} {'1st process MB':>15} "
            f"{'2nd process MB':>15} {'of it no files':>15}   ({source})"
        )
    return (
        f"{axis:>10} {'ms a step':>12} {'clips/s':>9} {'state, batch MB':>16} {'working MB':>11} "
        f"{'process MB':>11} {'trace s':>8} {'compile s':>10}"
    )


def _row(axis: str, value: int, point: Point) -> str:
    def mb(name: str) -> float:
        return point.get(name, float("nan")) / _MB

    if axis == "clips":
        return (
            f"{value:10d} {point['first_start_s']:12.1f} {point['second_start_s']:12.1f} "
            f"{mb('first_process_bytes'):15.0f} {mb('second_process_bytes'):15.0f} "
            f"{mb('second_anonymous_bytes'):15.0f}"
        )
    return (
        f"{value:10d} {1000 * point['step_s']:12.1f} {point['clips_per_s']:9.1f} "
        f"{mb('state_and_batch_bytes'):16.1f} {mb('working_bytes'):11.1f} "
        f"{mb('process_bytes'):11.0f} {point['trace_s']:8.1f} {point['compile_s']:10.1f}"
    )


if __name__ == "__main__":
    run(main)
