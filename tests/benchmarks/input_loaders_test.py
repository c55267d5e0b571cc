import importlib.util

import pytest

from benchmarks.input import input_loaders, input_rates


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return input_loaders.prepare(
        tmp_path_factory.mktemp("work"),
        clips=5,
        frames=17,
        side=48,
        epoch=9,
        decode_size=32,
        image_size=16,
        batch_size=3,
    )


def test_an_epoch_repeats_the_clips_there_are(work):
    assert work.order == [0, 1, 2, 3, 4, 0, 1, 2, 3]


@pytest.mark.parametrize("name", input_loaders.LOADERS)
def test_loaders_deliver_full_batches(work, name):
    if name.startswith(input_loaders.PEER) and not importlib.util.find_spec("torch"):
        pytest.skip("torch is not installed")
    delivered = input_loaders.LOADERS[name](work, 0)
    assert [next(delivered) for _ in range(4)] == [3, 3, 3, 3]  # into the second epoch
    delivered.close()


@pytest.mark.parametrize("name", input_loaders.PARTS)
def test_parts_count_clips(work, name):
    delivered = input_loaders.PARTS[name](work)
    assert next(delivered) == next(delivered) == (3 if name == "part: augment" else 1)


def test_a_rate_is_measured_in_a_process_of_its_own(work):
    core = {max(input_rates.usable_cores())}
    name = "part: decode 16 frames"
    rate = input_rates.rate(name, work, cores=core, num_workers=0, seconds=0.1)
    assert rate.clock > 0 and rate.cpu > 0
    assert input_rates.usable_cores() >= core


def test_tables_give_medians_and_ratios():
    def rates(*clocks):
        return [input_rates.Rate(clock, 2 * clock, 0.0) for clock in clocks]

    one = {name: rates(10, 20, 90) for name in input_loaders.LOADERS}
    one["decode path"] = rates(50, 60, 70)
    lines = list(input_rates.one_core_table(one))
    row = next(line.split() for line in lines if line.startswith("decode path  "))
    assert row[2:] == ["60", "(", "50..", "70)", "120", "3.00", "3.00"]
    assert lines[-1].endswith("resizing only: 3.00, by CPU 3.00")

    every = {input_loaders.PEER: {0: rates(10), 2: rates(30)}}
    every["cache path"] = {0: rates(600), 2: rates(90)}
    lines = list(input_rates.all_cores_table(every))
    assert lines[-1].split() == ["cache", "path", "600", "90", "20.00"]
