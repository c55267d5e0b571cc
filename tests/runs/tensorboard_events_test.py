import errno
import os
import re
import struct
import threading
from pathlib import Path

import pytest
import small_disk
from tensorboardX.proto.event_pb2 import Event, SessionLog

from dfer_jax import shortages
from dfer_jax.runs.metric_writer import MetricWriter, read_metrics
from dfer_jax.runs.tensorboard_events import TensorBoardEvents


def read(folder):
    """Returns the events of the newest file: length, checksum, event, checksum; and so on."""
    data, events = max(Path(folder).iterdir()).read_bytes(), []
    while data:
        size = struct.unpack("<Q", data[:8])[0]
        events.append(Event.FromString(data[12 : 12 + size]))
        data = data[16 + size :]
    return events


def test_scalars_of_a_step_and_what_is_hidden_are_read_back(tmp_path):
    events = TensorBoardEvents(str(tmp_path / "events"), first_step=7)
    events.write(7, {"train/loss": 0.5, "test/war": 0.25})
    events.flush()
    version, start, scalars = read(tmp_path / "events")
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (7, SessionLog.START)
    found = {value.tag: value.simple_value for value in scalars.summary.value}
    assert scalars.step == 7 and found == {"train/loss": 0.5, "test/war": 0.25}
    events.write(8, {"train/loss": 0.75})
    events.close()
    assert read(tmp_path / "events")[-1].step == 8
    assert threading.active_count() == 1 or "_EventLoggerThread" not in str(threading.enumerate())


def test_odd_names_of_runs_and_tags_are_read_back(tmp_path):
    names = ["-dash", "100%", "#1 [a]{b}", "\u2764\ufe0f", "e\u0301", "x" * 200, "two  blanks\\n"]
    for name in names:
        (tmp_path / name).mkdir()
        with MetricWriter(str(tmp_path / name), start_step=0) as writer:
            writer.write(
                1, 1.0, {f"test/{other}": float(number) for number, other in enumerate(names)}
            )
        (scalars,) = read(tmp_path / name / "tensorboard")[2:]
        found = {value.tag: value.simple_value for value in scalars.summary.value}
        assert found == {f"test/{other}": number for number, other in enumerate(names)}
        (row,) = read_metrics(str(tmp_path / name))
        assert list(row)[2:] == list(found)


def test_a_full_disk_is_heard_at_once_and_what_was_written_stays(tmp_path):
    with small_disk.mounted(tmp_path / "disk", "1m") as disk:
        with pytest.raises(OSError) as caught, MetricWriter(str(disk), start_step=0) as writer:
            writer.write(1, 0.5, {"train/loss": 2.0})
            writer.sync()
            filler = small_disk.fill(disk)
            for step in range(2, 2000):
                writer.write(step, step / 2, {"train/loss": 1.0})
        assert caught.value.errno == errno.ENOSPC
        said = shortages.of_storage(caught.value)
        which = f"{re.escape(str(disk))}/(metrics.jsonl|tensorboard)"
        assert re.match(rf"{which}: No space left on device \(0.0 MB free\); nothing", said), said
        os.unlink(filler)
        kept = [row["step"] for row in read_metrics(str(disk))]
        assert kept == list(range(1, len(kept) + 1)), "what was written before is lost"
        with MetricWriter(str(disk), start_step=1) as writer:
            writer.write(2, 1.0, {"train/loss": 1.0})
        assert [row["step"] for row in read_metrics(str(disk))] == [1, 2]


def test_a_full_disk_of_events_alone_names_their_folder(tmp_path):
    with small_disk.mounted(tmp_path / "disk", "64k") as disk:
        events = TensorBoardEvents(str(disk / "events"), first_step=1)
        small_disk.fill(disk)
        with pytest.raises(OSError, match="No space left") as caught:
            for step in range(1000):
                events.write(step, {f"name/{i}": 1.0 for i in range(50)})
        assert caught.value.filename == str(disk / "events")
        with pytest.raises(OSError, match="No space left"):
            events.close()
