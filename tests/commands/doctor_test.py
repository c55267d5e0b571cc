"""The doctor on machines that lack something; what is lacking is really lacking."""

import contextlib
import functools
import subprocess

import pytest

from dfer_jax.commands import doctor
from dfer_jax.ops.cpu import library


@pytest.fixture
def machine(monkeypatch, tmp_path, capsys):
    """Changes the environment; call it for the exit code and the lines by what they are about."""
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("CXX", "false")  # as compiling takes seconds
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "problem", functools.cache(library.problem.__wrapped__))

    def examine(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        code = 0
        try:
            doctor.main(["dfer doctor"])
        except SystemExit as left:
            code = left.code
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) < 20  # one screen
        return code, {line[12:29].strip(): (line[:10].strip(), line[30:]) for line in lines}

    return examine


@pytest.fixture
def full(tmp_path):
    """A folder on a disk of 64 KiB."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    with contextlib.suppress(OSError):
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            yield folder
            subprocess.run(["umount", "-l", str(folder)], check=True)
            return
    pytest.skip("a small disk cannot be mounted here")


def test_without_the_face_networks_it_works_but_for_videos(machine):
    code, found = machine(CXX="false", DFER_FACE_MODEL="/none")
    assert code == 0 and found["face networks"][0] == "warning"
    assert "/none is not there: run `pip install --no-deps" in found["face networks"][1]


def test_without_a_compiler_it_is_slower(machine, tmp_path):
    code, found = machine(CXX="false")
    assert code == 0
    assert found.pop("kernels for CPU") == (
        "warning",
        "not in use (false failed with exit status 1), networks are slower: name a C++17 compiler "
        "in CXX, or install one",
    )
    assert found["compiled kernels"][1].startswith(f"0 B in {tmp_path / 'cache'}")
    assert found["codec PyAV"][0] == "ok"
    _, found = machine(CXX="no-such-compiler")
    library.problem.cache_clear()
    assert machine()[1]["kernels for CPU"][1].startswith("not in use (no-such-compiler was not f")


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_a_cache_that_cannot_be_made(machine, tmp_path, variable):
    (tmp_path / "file").touch()  # root may write anywhere, but not below a file
    code, found = machine(**{"XDG_CACHE_HOME": "", variable: tmp_path / "file"})
    assert code == 0
    verdict, text = found["compiled programs"]
    assert verdict == "warning" and "Not a directory" in text and "set XDG_CACHE_HOME" in text
    assert found["kernels for CPU"][1].endswith("see compiled kernels below")


def test_a_full_cache_is_told(machine, full):
    code, found = machine(XDG_CACHE_HOME=full)
    assert code == 0
    for about in ("compiled programs", "compiled kernels"):
        assert found[about][0] == "warning"
        assert "No space left on device" in found[about][1] and str(full) in found[about][1]


def test_a_place_that_has_to_be_writable_is_something_to_do(machine, full, monkeypatch):
    monkeypatch.chdir(full)
    monkeypatch.setattr(doctor.tempfile, "tempdir", None)  # read TMPDIR anew
    code, found = machine(TMPDIR=full)
    assert code == 1
    verdict, text = found["current directory"]
    assert verdict == "what to do"
    assert text.startswith("change to a folder") and text.endswith("No space left on device")
    assert found["temporary files"][0] == "what to do"


def test_an_installation_that_breaks_is_a_line_not_a_traceback():
    def check():
        yield doctor.Finding("ok", "first", "fine")
        raise ValueError("broken\nin two lines")

    assert list(doctor._guarded(check))[1] == (
        "what to do",
        "check",
        "mend the installation, which fails with: broken",
    )
