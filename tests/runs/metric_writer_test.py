import glob

from dfer_jax.runs.metric_writer import MetricWriter, read_metrics


def test_rows_after_the_resumed_step_are_written_anew(tmp_path):
    with MetricWriter(str(tmp_path), start_step=0) as writer:
        for step in (1, 2, 3):
            writer.write(step, step / 2, {"train/loss": float(step)})
    with MetricWriter(str(tmp_path), start_step=2) as writer:
        writer.write(3, 1.5, {"train/loss": 30.0})
    rows = read_metrics(str(tmp_path))
    assert [(row["step"], row["train/loss"]) for row in rows] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert glob.glob(str(tmp_path / "tensorboard" / "events.*"))


def test_what_is_not_finite_is_null_and_a_torn_line_is_left_out(tmp_path):
    with MetricWriter(str(tmp_path), start_step=0) as writer:
        writer.write(1, 0.5, {"train/loss": float("nan")})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "tra')
    assert read_metrics(str(tmp_path)) == [{"step": 1, "epoch": 0.5, "train/loss": None}]
    with MetricWriter(str(tmp_path), start_step=1) as writer:
        writer.write(2, 1.0, {"train/loss": 2.0})
    assert [row["step"] for row in read_metrics(str(tmp_path))] == [1, 2]
