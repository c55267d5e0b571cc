import pytest

from benchmarks.scaling import scaling_points

TINY = scaling_points.Place(frames=2, image_size=32, batch=4, devices=2)


@pytest.mark.soak(reason="compiles a training step for two devices to time it")
def test_a_point_tells_time_and_bytes_of_its_devices():
    point = scaling_points.at(TINY, width=8, steps=1, repeats=1, on_processor=True)
    assert point["clips_per_s"] == 4 / point["step_s"] > 0
    assert point["trace_s"] > 0 and point["compile_s"] > 0
    clips = 4 * 2 * 36 * 36 * 3 / 2  # each of two devices holds half the batch
    assert point["state_and_batch_bytes"] > clips and point["working_bytes"] > clips
    assert point["process_bytes"] > point["working_bytes"]


def test_growth_compares_the_smallest_and_the_largest_data_set():
    points = {
        "12000": {"second_process_bytes": 1.05e9, "second_start_s": 8.0},
        "1000": {"second_process_bytes": 1e9, "second_start_s": 7.5},
    }
    line = scaling_points.growth(points)
    assert line == "12 times the clips: peak memory +5.0%, second start +0.5 s"
