"""The wheel holds what it needs."""

import zipfile

import installed_wheel


def test_wheel_holds_what_is_no_python(installed):
    held = set(zipfile.ZipFile(installed.wheel).namelist())
    wanted = {
        path.as_posix()
        for room in ("dfer_jax", "tfds_builders", "configs")
        for path in (installed_wheel.ROOT / room).rglob("*")
        if path.suffix in (".html", ".cc", ".h", ".npz") or room == "configs"
        if path.is_file() and path.suffix != ".pyc"
    }
    names = {path.removeprefix(f"{installed_wheel.ROOT.as_posix()}/") for path in wanted}
    assert "dfer_jax/plotting/page.html" in names
    assert "tfds_builders/synthetic_dfer/rendering/head_asset.npz" in names
    assert names <= held
