import json
import multiprocessing
import os
import shutil
import signal
import threading
import time

import clip_dataset
import jax
import numpy as np
import pytest
import small_disk
import tiny

from dfer_jax.clips import evaluate_run
from dfer_jax.clips.task import ClipTask
from dfer_jax.data.readers import pool
from dfer_jax.errors import StoppedError, UserError
from dfer_jax.runs import checkpoint, metric_writer
from dfer_jax.runtime import parallel
from dfer_jax.training.loop import Trainer, Window


def _train(config, directory, **kwargs):
    Trainer(ClipTask, config, str(directory)).run(**{"with_evaluation": True, **kwargs})
    return _weights(directory)


def _weights(directory):
    return checkpoint.load_weights(str(directory), _last(directory))[0]


def _last(directory):
    return checkpoint.list_checkpoints(str(directory), best_metric="war")["last"]


def _without_times(rows):
    times = ("train/clips_per_s", "train/data_wait")
    return [{k: v for k, v in row.items() if k not in times} for row in rows]


def _assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture
def own_run(tiny_run, tmp_path):
    """A copy of the trained run, to be changed."""
    shutil.copytree(tiny_run, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(
    built_clips, tiny_run, tmp_path, monkeypatch, one_device
):
    config = tiny.config(built_clips)
    expected = _weights(tiny_run)
    with monkeypatch.context() as patch, pytest.raises(UserError, match="stopped at step 1 of 6"):
        tiny.stop_after(patch, 1)  # between two lines of metrics, which are means of two steps
        _train(config, tmp_path / "stopped")
    assert _last(tmp_path / "stopped") == 1
    config.data.num_workers = 1  # what the run learns must not depend on it
    resumed = _train(config, tmp_path / "stopped")
    _assert_same(resumed, expected)
    whole, again = (metric_writer.read_metrics(str(d)) for d in (tiny_run, tmp_path / "stopped"))
    assert [row["step"] for row in again if "test/war" in row] == [3, 6]
    assert _without_times(again) == _without_times(whole)


@pytest.mark.soak(reason="a training of its own")
def test_a_run_whose_output_nobody_reads_is_saved_and_ends_as_the_system_ends_others(
    built_clips, tmp_path, monkeypatch, one_device
):
    reading, writing = os.pipe()
    os.close(reading)
    unread = os.fdopen(writing, "w", buffering=1)
    monkeypatch.setattr("sys.stdout", unread)
    with pytest.raises(StoppedError, match=r"^stopped at step 3 of 6 and saved; run") as caught:
        _train(tiny.config(built_clips), tmp_path / "run")
    with pytest.raises(BrokenPipeError):
        unread.close()
    assert caught.value.exit_code == 141 and _last(tmp_path / "run") == 3


def test_a_work_directory_deleted_meanwhile_is_said(built_clips, tmp_path, monkeypatch, one_device):
    directory = tmp_path / "deleted"
    monkeypatch.setattr(tiny.tqdm, "update", lambda _: shutil.rmtree(directory, ignore_errors=True))
    with pytest.raises(UserError, match="deleted was deleted or moved while the run was at work"):
        _train(tiny.config(built_clips), directory)


def test_a_run_whose_reader_stands_still_stops_in_seconds_and_is_saved(
    built_clips, tmp_path, monkeypatch, one_device
):
    config, steps, asked = tiny.config(built_clips), [], []
    config.data.num_workers, config.train.epochs = 1, 400
    config.train.eval_every_epochs = 400  # a reader of test clips that starts slowly stands still

    def ask():
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    def update(bar):
        steps.append(bar)
        if len(steps) == 4:
            (reader,) = multiprocessing.active_children()
            os.kill(reader.pid, signal.SIGSTOP)
            threading.Timer(1, ask).start()  # by then it waits for the reader

    monkeypatch.setattr(tiny.tqdm, "update", update)
    monkeypatch.setattr(pool, "_LOOK", 0.2)
    said = r"stopped at step \d+ of 1200 and saved; run|stopped: a process that reads clips has sto"
    with pytest.raises(StoppedError, match=said) as caught:
        _train(config, tmp_path)
    assert time.monotonic() - asked[0] < 15 and caught.value.exit_code == 143
    assert _last(tmp_path) == len(steps)


def test_an_evaluation_that_fails_costs_no_step_and_comes_first_when_the_run_goes_on(
    built_clips, tiny_run, own_run, monkeypatch, one_device
):
    shutil.rmtree(own_run / "checkpoints" / "6")

    def fail(*_):
        raise UserError("a process that reads clips has stood still")

    for _ in range(2):  # the second time before any step
        with monkeypatch.context() as patch, pytest.raises(UserError, match="has stood still"):
            patch.setattr(ClipTask, "measure", fail)
            _train(tiny.config(built_clips), own_run)
        assert checkpoint.list_checkpoints(str(own_run), best_metric="war") == {
            "last": 6, "best": 3,
        }  # fmt: skip
    with open(own_run / metric_writer.METRICS_FILE, "a") as file:
        file.write('{"step": 6, "epoch": 2.0, "test/war": 0.0}\n')  # killed as it measured
    _assert_same(_train(tiny.config(built_clips), own_run), _weights(tiny_run))
    whole, again = (metric_writer.read_metrics(str(d)) for d in (tiny_run, own_run))
    assert _without_times(again) == _without_times(whole)
    found = [checkpoint.list_checkpoints(str(d), best_metric="war") for d in (tiny_run, own_run)]
    assert found[0] == found[1]
    assert (
        checkpoint.load_weights(str(own_run), 6)[1] == checkpoint.load_weights(str(tiny_run), 6)[1]
    )


@pytest.mark.parametrize("first", [0, 4])
def test_two_devices_follow_the_trajectory_of_one_and_go_on_with_it(
    built_clips, gentle_run, tmp_path, monkeypatch, first
):
    if first:
        with monkeypatch.context() as patch, pytest.raises(UserError, match=f"at step {first} of"):
            patch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])
            tiny.stop_after(patch, first)
            _train(tiny.gentle(built_clips), tmp_path)
    assert len(jax.local_devices()) == 2
    two, one = _train(tiny.gentle(built_clips), tmp_path), _weights(gentle_run)
    for name in ("train/loss", "test/loss"):
        losses = [
            [row[name] for row in metric_writer.read_metrics(str(directory)) if name in row]
            for directory in (gentle_run, tmp_path)
        ]
        assert len(losses[0]) == {"train/loss": 6, "test/loss": 2}[name]
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * max(1.0, float(np.abs(a).max())))


def test_a_relabelled_data_set_of_the_same_size_is_not_trained_on_further(
    own_run, tmp_path_factory, one_device
):
    data = tmp_path_factory.mktemp("data")
    clip_dataset.rebuild(data, "truth", relabelled=3)
    config = tiny.config(data)
    config.train.epochs = 3
    message = r"^the data set has changed: checkpoint 6 in .* was trained on other labels; bring"
    with pytest.raises(UserError, match=message):
        Trainer(ClipTask, config, str(own_run)).run(with_evaluation=False)


def test_evaluation_restores_and_counts_every_clip_once(
    built_clips, own_run, tmp_path, one_device, capsys
):
    config = tiny.config(built_clips)
    seen = []
    for batch_size in (4, 3):
        config.eval.batch_size = batch_size
        evaluate_run.evaluate_checkpoints(config, str(tmp_path))
        with open(tmp_path / "eval" / "test.json") as file:
            seen.append(json.load(file))
    first, second = seen
    assert first["num_clips"] == len(clip_dataset.TEST_LENGTHS)
    clip_ids = sorted(p["clip_id"] for p in first["predictions"])
    assert clip_ids == ["00012", "00013", "00014", "00015", "00016"]
    assert first["confusion"] == second["confusion"]
    np.testing.assert_allclose(
        [p["probabilities"] for p in first["predictions"]],
        [p["probabilities"] for p in second["predictions"]],
        atol=2e-6,
    )
    in_loop = [r for r in metric_writer.read_metrics(str(tmp_path)) if "test/war" in r][-1]
    np.testing.assert_allclose(first["war"], in_loop["test/war"])
    np.testing.assert_allclose(first["loss"], in_loop["test/loss"], rtol=1e-6)
    assert first["selection"] == "last" and first["step"] == 6 and first["epoch"] == 2
    assert (tmp_path / "eval" / "test.best.json").exists()
    assert (tmp_path / "report.html").stat().st_size > 10_000
    written = (tmp_path / "eval" / "test.json").stat().st_mtime_ns
    said = capsys.readouterr().out.rpartition("test, last epoch")[2]
    with small_disk.read_only(tmp_path):
        evaluate_run.evaluate_checkpoints(config, str(tmp_path))
    again = capsys.readouterr().out
    assert said.splitlines()[1:4] == again.rpartition("test, last epoch")[2].splitlines()[1:4]
    advice = "for files and a report copy the work directory to where you may write"
    assert f"not kept, for {tmp_path}/eval cannot be written: {advice}\n" in again
    assert "wrote" not in again
    assert (tmp_path / "eval" / "test.json").stat().st_mtime_ns == written


def test_the_validation_split_chooses_the_best_epoch(built_clips, tmp_path, one_device):
    config = tiny.config(built_clips)
    config.data.validation_fraction = 0.25
    config.train.batch_size = 3
    trainer = Trainer(ClipTask, config, str(tmp_path))
    assert trainer.task.metadata["selection"] == "best on validation"
    assert list(trainer.task.sources.evaluated) == ["validation", "test"]
    sizes = trainer.task.sizes
    assert sizes["train"] + sizes["validation"] == len(clip_dataset.LENGTHS)


def test_checkpoint_of_another_model_is_refused(built_clips, tiny_run, one_device):
    other = tiny.config(built_clips)
    other.model.width = 16
    with pytest.raises(UserError, match=r"kwargs\.width: 8 -> 16"):
        evaluate_run.evaluate_checkpoints(other, str(tiny_run))


def test_damaged_checkpoint_is_one_sentence(built_clips, own_run, one_device):
    config = tiny.config(built_clips)
    for path in own_run.glob("checkpoints/*/weights/**/*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match="damaged"):
        evaluate_run.evaluate_checkpoints(config, str(own_run))
    with pytest.raises(UserError, match="damaged"):
        _train(config, own_run)


def test_diverged_training_stops_with_advice(built_clips, tmp_path, one_device):
    config = tiny.config(built_clips)
    config.optim.learning_rate = 1e12
    with pytest.raises(UserError, match=r"lower optim\.learning_rate"):
        _train(config, tmp_path)


def test_speed_counts_the_time_of_the_steps_themselves():
    window = Window()

    @jax.jit
    def slow(x):  # long enough that asking for it is not the same as having it
        return jax.lax.fori_loop(0, 60, lambda _, y: y @ y / 600, x).sum()

    slow.lower(jax.numpy.ones((600, 600))).compile()
    window.metrics.append({"loss": slow(jax.numpy.ones((600, 600)))})
    summary = window.summary(batch_size=1, unit="clips")
    assert window.metrics[0]["loss"].is_ready()
    assert summary["train/clips_per_s"] < 1 / 0.01  # 60 products of 600 x 600 take longer
    assert 0 <= summary["train/data_wait"] <= 1


def test_batch_must_divide_by_devices():
    two = parallel.over(jax.devices()[:2])
    two.check_batch_size("train.batch_size", 4)
    with pytest.raises(UserError, match=r"train.batch_size=5 cannot be shared evenly by 2"):
        two.check_batch_size("train.batch_size", 5)
