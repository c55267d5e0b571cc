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


def test_a_damaged_middle_and_a_tail_of_zeros_are_repaired_and_the_file_kept(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    rows = [f'{{"step": {step}, "epoch": 1.0, "train/loss": 2.0}}\n' for step in (1, 2, 3, 4)]
    rows[1] = rows[1].replace('"epoch"', "\0\0\0")
    rows[2] = rows[2].replace("3,", '"three",')
    damaged = "".join(rows) + "\0" * 512
    path.write_text(damaged)
    assert [row["step"] for row in read_metrics(str(tmp_path))] == [1, 4]
    with MetricWriter(str(tmp_path), start_step=4) as writer:
        writer.write(5, 1.2, {"train/loss": 1.0})
    assert [row["step"] for row in read_metrics(str(tmp_path))] == [1, 4, 5]
    (said,) = caplog.messages
    assert said.endswith(
        "is damaged in line 2, 3, left out; " + f"{path}.damaged keeps it as it was"
    )
    assert (tmp_path / "metrics.jsonl.damaged").read_text() == damaged
