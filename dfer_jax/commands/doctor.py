"""Says in one screen whether this machine is ready: versions, devices, compiler, caches, places.

dfer doctor

Each line is `ok`, a `warning` (it works, but slower, or not for long), or `what to do` (something
will fail until it is done). Exit code 1 if any line says what to do.
"""

import importlib
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

from absl import app, logging

import dfer_jax
from dfer_jax import errors
from dfer_jax.runtime import places, private_folder
from dfer_jax.runtime.cores import usable_cores

_LOW_DISK, _LOW_MEMORY = 10 * 2**30, 2 * 2**30  # bytes


class Finding(NamedTuple):
    """One line: a verdict, what it is about, and the facts."""

    verdict: str
    about: str
    text: str


def main(argv: list[str]) -> None:
    """Prints the findings; exits with 1 if something has to be done."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; it takes none")
    findings = []
    for check in (_versions, _devices, _host, _kernels, _caches, _codecs, _faces, _places):
        for finding in _guarded(check):
            print(f"{finding.verdict:10}  {finding.about:17} {finding.text}", flush=True)
            findings.append(finding)
    if any(finding.verdict == "what to do" for finding in findings):
        sys.exit(1)


def _guarded(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yields what a check finds; a broken installation may raise anything, anywhere."""
    try:
        yield from check()
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        about = check.__name__.strip("_")
        yield Finding("what to do", about, f"mend the installation, which fails with: {reason}")


def _versions() -> Iterator[Finding]:
    import flax
    import jax

    found = f"dfer_jax {dfer_jax.__version__}, Python {platform.python_version()}"
    yield Finding("ok", "versions", f"{found}, JAX {jax.__version__}, Flax {flax.__version__}")


def _devices() -> Iterator[Finding]:
    import jax

    try:
        devices = jax.devices()
    except (RuntimeError, AssertionError):
        asked = os.environ.get("JAX_PLATFORMS", "")
        advice = f"unset JAX_PLATFORMS={asked}" if asked else "reinstall JAX"
        yield Finding("what to do", "devices", f"{advice}; JAX finds no such device")
        return
    limits = [(device.memory_stats() or {}).get("bytes_limit") for device in devices]
    memory = f", {places.shown(limits[0])} each" if limits[0] else ""
    found = f"{len(devices)} x {devices[0].device_kind}{memory}"
    if devices[0].platform == "cpu" and os.path.exists("/dev/nvidia0"):
        advice = "the GPU is not used; pip install 'dfer_jax[cuda12]'"
        yield Finding("warning", "devices", f"{found}: {advice}")
    else:
        yield Finding("ok", "devices", found)


def _host() -> Iterator[Finding]:
    page = os.sysconf("SC_PAGE_SIZE")
    total = page * os.sysconf("SC_PHYS_PAGES")
    free = page * os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else total
    if os.path.exists("/proc/meminfo"):  # what can be had, file caches included
        with open("/proc/meminfo", encoding="ascii") as file:
            found = [line.split()[1] for line in file if line.startswith("MemAvailable")]
        free = 1024 * int(found[0]) if found else free
    text = f"{places.shown(free)} free of {places.shown(total)}"
    if free < _LOW_MEMORY:
        yield Finding("warning", "memory", f"{text}; close other programs before training")
    else:
        yield Finding("ok", "memory", text)
    yield Finding("ok", "cores", f"{usable_cores()} usable of {os.cpu_count()}")


def _kernels() -> Iterator[Finding]:
    import jax

    from dfer_jax.ops.cpu import library

    try:
        backend = jax.default_backend()
    except (RuntimeError, AssertionError):
        return  # as the devices' line says
    if backend != "cpu":
        yield Finding("ok", "kernels for CPU", f"not needed on {backend}")
    elif reason := library.problem():
        advice = "name a C++17 compiler in CXX, or install one"
        if _cache("native")[1]:
            reason, advice = "no place to keep them", "see compiled kernels below"
        text = f"not in use ({reason}), networks are slower: {advice}"
        yield Finding("warning", "kernels for CPU", text)
    else:
        compiler = shlex.split(os.environ.get("CXX", "")) or ["c++"]
        yield Finding("ok", "kernels for CPU", f"in use; compiler {shutil.which(compiler[0])}")


def _caches() -> Iterator[Finding]:
    advice = "every start compiles anew: free space, or set XDG_CACHE_HOME to another folder"
    for about, name in (("compiled programs", "xla"), ("compiled kernels", "native")):
        folder, reason = _cache(name)
        if reason:
            yield Finding("warning", about, f"not kept ({reason}), {advice}")
        else:
            yield Finding("ok", about, f"{places.shown(places.size(folder))} in {folder}")


def _cache(name: str) -> tuple[str, str]:
    """Returns the folder of a cache, and why nothing can be kept there; "" if it can."""
    chosen = os.environ.get("JAX_COMPILATION_CACHE_DIR", "") if name == "xla" else ""
    try:
        if chosen:
            os.makedirs(chosen, exist_ok=True)
        folder = chosen or str(private_folder.of_this_machine(name))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        return "", str(error).partition("] ")[2] or str(error)
    reason = places.why_not_writable(folder)
    return folder, f"{folder}: {reason}" if reason else ""


def _codecs() -> Iterator[Finding]:
    for about, module, package in (
        ("codec PyAV", "av", "av"),
        ("codec OpenCV", "cv2", "opencv-python-headless"),
        ("codec simplejpeg", "simplejpeg", "simplejpeg"),
    ):
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            yield Finding("what to do", about, f"pip install {package} ({error})")
        else:
            yield Finding("ok", about, found.__version__)


def _faces() -> Iterator[Finding]:
    from dfer_jax.video.faces import find_model  # needs OpenCV, which may be what is broken

    try:
        yield Finding("ok", "face networks", str(find_model()))
    except errors.UserError as error:
        yield Finding("warning", "face networks", f"faces are not found in videos: {error}")


def _places() -> Iterator[Finding]:
    yield from _place("current directory", os.getcwd(), "change to a folder that can be written")
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError as error:
        yield Finding("what to do", "temporary files", f"set TMPDIR to a folder ({error.strerror})")
    else:
        yield from _place("temporary files", temporary, "set TMPDIR to another folder")


def _place(about: str, folder: str, advice: str) -> Iterator[Finding]:
    if reason := places.why_not_writable(folder):
        yield Finding("what to do", about, f"{advice}; {folder} cannot be written: {reason}")
        return
    free = shutil.disk_usage(folder).free
    text = f"{places.shown(free)} free in {folder}"
    if free < _LOW_DISK:
        yield Finding("warning", about, f"{text}; free some before data are built there")
    else:
        yield Finding("ok", about, text)


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
