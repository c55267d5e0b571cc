"""A run says which data it is trained on: at once where they were read before, else meanwhile."""

import shutil

import pytest
import tensorflow_datasets as tfds

from dfer_jax.data import contents
from dfer_jax.data.contents import CONTENTS_FILE, contents_of
from dfer_jax.data.identity import Identity


@pytest.fixture
def data(built_clips, tmp_path):
    shutil.copytree(built_clips, tmp_path / "data")
    (folder,) = (tmp_path / "data").glob("clip_dataset/truth/*")
    (folder / CONTENTS_FILE).unlink(missing_ok=True)
    return folder


def identity(folder):
    return Identity("clip_dataset/truth", str(folder.parents[2]))


def test_what_was_kept_is_known_at_once_and_what_was_not_is_read_meanwhile(data):
    with identity(data) as meanwhile:
        meanwhile._thread.join()
        found = meanwhile.known["contents"]
    whole = contents_of(tfds.builder_from_directory(data))
    assert found == {"frames": whole.frames, "labels": whole.labels}
    with identity(data) as kept:
        assert kept._thread is None and kept.known == {"contents": found}, "read again"


def test_who_needs_it_reads_it(data):
    with identity(data) as asked:
        asked._stop.set()
        asked._thread.join()
        found = asked.read()
    assert asked.known == {"contents": found}


def test_leaving_stops_the_reader_and_damage_is_left_to_the_run(data, monkeypatch):
    began = []

    class Records:
        """Of which each takes its time until the reader is told to stop."""

        def __len__(self):
            return 17

        def __getitem__(self, position):
            began.append(position)
            stopped.wait(10)
            raise ValueError("damaged")

    monkeypatch.setattr(contents, "Records", lambda *_: Records())
    reading = identity(data)
    stopped = reading._stop
    with reading:
        assert not reading.known
    assert not reading._thread.is_alive() and len(began) <= 1 and not reading.known
