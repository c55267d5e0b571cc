"""The project as a user has it: a wheel in an environment of its own, away from the checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Installed(NamedTuple):
    """An environment that holds the wheel."""

    wheel: Path
    folder: Path

    @property
    def python(self):
        return self.folder / "bin" / "python"

    @property
    def dfer(self):
        return self.folder / "bin" / "dfer"


def install(folder):
    """Builds the wheel and installs it where the present libraries are seen, the checkout not."""
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = ["wheel", ROOT, "--no-deps", "--no-build-isolation", "--no-index", "-w", folder]
    _run([*pip, *build])
    (wheel,) = Path(folder).glob("*.whl")
    environment = Path(folder) / "environment"
    _run([sys.executable, "-m", "venv", "--without-pip", environment])
    installed = Installed(wheel, environment)
    _run([*pip, "--python", installed.python, "install", "--no-deps", "--no-index", wheel])
    packages = sysconfig.get_path("purelib", vars={"base": str(environment)})
    for number, libraries in enumerate(dict.fromkeys(map(sysconfig.get_path, _LIBRARIES))):
        Path(packages, f"present{number}.pth").write_text(f"{libraries}\n")
    return installed


def without_checkout():
    """Returns the surroundings of a process that finds the project only if it is installed."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def _run(command):
    result = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        env=without_checkout(),
    )
    assert result.returncode == 0, result.stdout + result.stderr


_LIBRARIES = ("purelib", "platlib")
