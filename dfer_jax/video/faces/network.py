"""Loads TFLite networks into OpenCV."""

import tempfile

import cv2


def load_network(data: bytes) -> cv2.dnn.Net:
    """Returns the network of a TFLite file's bytes.

    OpenCV 5's new engine finds one output of several only, and its reader of bytes ignores which
    engine is asked for: hence the detour through a file.
    """
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(data)
        file.flush()
        return cv2.dnn.readNetFromTFLite(file.name, engine=cv2.dnn.ENGINE_CLASSIC)
