"""Something to measure in a process of its own, for the tests of `benchmarks.speed.interleaved`."""

import os
import time

from dfer_jax.errors import UserError


class Recorder:
    """Writes its name to a file whenever it is measured."""

    def __init__(self, name, path):
        self.name, self.path = name, path

    def measure(self):
        with open(self.path, "a") as file:
            file.write(self.name)
        return [time.perf_counter()]

    def variable(self, name):
        return os.environ.get(name)

    def fail(self):
        raise ValueError("not\nlike this")

    def refuse(self):
        raise UserError("choose another")

    def die(self):
        os._exit(3)
