r"""Which way of decoding JPEG frames is fastest, and how far do the others move pixels and logits?

    python -m benchmarks.input.decode_choices
    python -m benchmarks.input.decode_choices --side 256 --workdir runs/synthetic

Decodes 16 frames of each clip of rendered faces in every way, on one core and one thread, repeats
interleaved, and compares with OpenCV's full decoding and exact average over areas. Logits are those
of GCA+IAL, with random weights or those of a run's last checkpoint (then at its size). Times are of
the processor, medians. Prints a table and writes it as JSON.
"""

import json
import os
from pathlib import Path

import cv2
import numpy as np
from absl import flags, logging

from benchmarks.input import decode_ways
from benchmarks.input.rendered_release import jpeg_clips
from dfer_jax.errors import run

_SIDE = flags.DEFINE_integer("side", 224, "Side of the JPEG frames, pixels.", 16)
_CLIPS = flags.DEFINE_integer("clips", 12, "Clips compared, each of another face.", 2)
_SIZE = flags.DEFINE_integer("size", 128, "Side of the decoded frames, pixels.", 1)
_WORKDIR = flags.DEFINE_string("workdir", None, "Run whose last checkpoint gives the logits.")
_REPEATS = flags.DEFINE_integer("repeats", 7, "Measurements of each clip.", 1)
_OUT = flags.DEFINE_string("out", "runs/benchmarks/decode_choices.json", "Where the JSON goes.")
_FRAMES = 16


def main(_: list[str]) -> None:
    """Decodes in every way, prints, writes."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    logging.set_verbosity(logging.ERROR)  # Orbax tells what it does, step by step
    network = decode_ways.load_network(_WORKDIR.value, size=_SIZE.value)
    count, side = _CLIPS.value, _SIDE.value
    clips = list(jpeg_clips(count=count, frames=_FRAMES, side=side, people=count))
    size = np.mean([len(data) for clip in clips for data in clip]) / 1000
    print(f"{count} clips, {side} x {side} ({size:.1f} kB) to {network.size} x {network.size}")
    ways = decode_ways.choices(network.size)
    spent = decode_ways.times(ways, clips, repeats=_REPEATS.value)
    moved, spread = decode_ways.compare(ways, clips, network)
    rows = {name: {"ms_per_16_frames": spent[name], **moved[name]} for name in ways}
    print(f"logits of a class spread over clips by {spread:.3f} (standard deviation)\n")
    print(f"{'':32} ms/16 frames   pixels mean  max   logits mean    max   predictions changed")
    for name, row in rows.items():
        print(
            f"{name:32} {row['ms_per_16_frames']:12.2f} {row['pixels_mean']:13.3f} "
            f"{row['pixels_max']:4d} {row['logits_mean']:13.4f} {row['logits_max']:6.4f} "
            f"{row['predictions_changed']:11d} of {count}"
        )
    settings = {"side": side, "size": network.size, "clips": count, "workdir": _WORKDIR.value}
    settings |= {"logit_spread": spread, "load": os.getloadavg()[0]}
    out = Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**settings, "rows": rows}, indent=2))


if __name__ == "__main__":
    run(main)
