"""Watches a camera: rows as they are known, with nothing looking into the future."""

import dataclasses
import datetime
import time
from collections.abc import Iterator

import cv2
import numpy as np

from dfer_jax.errors import UserError
from dfer_jax.recognition.faces import Pictures
from dfer_jax.recognition.predict import Options, about
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.rows import Row
from dfer_jax.recognition.spans import parse
from dfer_jax.recognition.written import results


def camera(device: int | str) -> Pictures:
    """Yields what a camera shows, as it comes, until the reader leaves.

    Args:
        device: number of the camera, or the address of a stream.

    Raises:
        UserError: if it does not open.
    """
    capture = cv2.VideoCapture(device)
    try:
        if not capture.isOpened():
            raise UserError(
                f"camera {device} does not open; is it plugged in, and used by nothing?"
            )
        start, index = time.monotonic(), 0
        while True:
            good, bgr = capture.read()
            if not good:
                return
            yield index, time.monotonic() - start, np.ascontiguousarray(bgr[..., ::-1])
            index += 1
    finally:
        capture.release()


def watch(device: int | str, recognizer: Recognizer, options: Options) -> None:
    """Prints and writes what a camera shows, until Ctrl-C; nothing looks into the future.

    Args:
        device: number of the camera, or the address of a stream.
        recognizer: of the weights.
        options: how to look.

    Raises:
        UserError: if the camera does not open, or the face networks are not there.
    """
    name = f"camera_{datetime.datetime.now():%Y%m%d_%H%M%S}"
    finder = options.finder(recognizer)
    _compile(recognizer, options)
    print(f"{name}: {_latency(recognizer, options)}; Ctrl-C ends it", flush=True)
    start = time.monotonic()
    pictures = camera(device)
    rows = recognizer.rows(
        pictures, finder, window=options.window, stride=options.stride, batch_size=1
    )
    with results.write_results(
        _told(rows, start),
        options.out / name,
        video=name,
        classes=recognizer.classes,
        about=lambda: about(name, recognizer, options, left_out=finder.left_out),
        peer=options.peer_names,
    ) as written:
        if written.fault is not None and not isinstance(written.fault, KeyboardInterrupt):
            raise written.fault
        print(f"{len(written.rows)} rows -> {options.out / name}.csv")


def _compile(recognizer: Recognizer, options: Options) -> None:
    """Compiles the networks by a black picture; what a camera shows meanwhile would come late."""
    size = recognizer.weights.members[0].size
    black = [(0, 0.0, np.zeros((size, size, 3), np.uint8))]
    times = {"window": options.window, "stride": options.stride, "batch_size": 1}
    for _ in recognizer.rows(black, recognizer.finder(is_cropped=True), **times):
        pass


def _latency(recognizer: Recognizer, options: Options) -> str:
    if recognizer.weights.of_frames:
        length = max(member.inputs["window"] for member in recognizer.weights.members)
        return f"a row comes {length // 2} frames and the time to compute it after its frame"
    window = parse(options.window, name="window")
    half = dataclasses.replace(window, value=window.value / 2)
    return (
        f"a row is about the last {window.in_words}; its middle lies {half.in_words} before it "
        "is known"
    )


def _told(rows: Iterator[Row], start: float) -> Iterator[Row]:
    """Prints the rows as they come, with how long after their end that is."""
    for row in rows:
        late = 1000 * (time.monotonic() - start - row.end_s)
        strength = "" if row.intensity is None else f", intensity {row.intensity:.2f}"
        who = "" if row.face is None else f"face {row.face} "
        print(f"{row.end_s:8.2f} s  {who}{row.label}{strength}  (+{late:.0f} ms)", flush=True)
        yield row
