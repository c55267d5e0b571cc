import itertools
import multiprocessing

import clip_dataset
import jax
import numpy as np
import pytest

from dfer_jax.data import decode, pipeline
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.interpolation import interpolate
from dfer_jax.data.source import open_split
from dfer_jax.errors import UserError

PROTOCOL = FrameProtocol(8, 2)
NUM_STEPS = 8  # 12 clips in batches of 5: two batches an epoch


@pytest.fixture(scope="module")
def train(data_dir):
    return open_split(dataset="clip_dataset/plain", split="train", data_dir=data_dir)


def training(source, **changes):
    options = {
        "protocol": PROTOCOL,
        "decode_size": 32,
        "batch_size": 5,
        "seed": 3,
        "start_step": 0,
        "num_steps": NUM_STEPS,
        "num_workers": 0,
    }
    return list(pipeline.training_batches(source, **{**options, **changes}))


def evaluation(source, **changes):
    options = {"protocol": PROTOCOL, "decode_size": 32, "batch_size": 4, "num_workers": 0}
    return list(pipeline.evaluation_batches(source, **{**options, **changes}))


@pytest.fixture(scope="module")
def reference(train):
    return training(train)


def assert_equal(batches, expected):
    assert len(batches) == len(expected)
    for batch, wanted in zip(batches, expected, strict=True):
        assert batch.keys() == wanted.keys()
        for name, value in batch.items():
            assert type(value) is np.ndarray and value.dtype == wanted[name].dtype
            np.testing.assert_array_equal(value, wanted[name])


def clips_of(batch):
    return [clip_dataset.numbers_in(frames[0])[0] for frames in batch["clips"]]


def frames_of(batch):
    return [[clip_dataset.numbers_in(p)[1] for p in frames] for frames in batch["clips"]]


def test_training_batches_hold_what_they_say(reference, train):
    label_of = {int(train[i]["clip_id"]): train[i]["label"] for i in range(len(train))}
    assert len(reference) == NUM_STEPS
    for batch in reference:
        assert batch.keys() == {"clips", "labels", "mask"}
        assert batch["clips"].shape == (5, 16, 32, 32, 3) and batch["clips"].dtype == np.uint8
        assert batch["labels"].dtype == np.int32 and batch["mask"].dtype == bool
        assert batch["mask"].all()
        assert batch["labels"].tolist() == [label_of[clip] for clip in clips_of(batch)]
        for clip, frames in zip(clips_of(batch), frames_of(batch), strict=True):
            assert frames == sorted(frames) and max(frames) < clip_dataset.LENGTHS[clip]


def test_epochs_are_fresh_permutations_with_fresh_frames(reference):
    epochs = [reference[i : i + 2] for i in range(0, NUM_STEPS, 2)]
    orders = [[*clips_of(first), *clips_of(second)] for first, second in epochs]
    assert all(len(set(order)) == 10 for order in orders)  # two of the twelve are left out
    assert len({tuple(order) for order in orders}) == len(orders)
    assert len({tuple(sorted(order)) for order in orders}) > 1  # not always the same two
    drawn = {}
    for batch in reference:
        for clip, frames in zip(clips_of(batch), frames_of(batch), strict=True):
            drawn.setdefault(clip, set()).add(tuple(frames))
    assert len(drawn[7]) > 1 and len(drawn[0]) == 1  # 40 frames; one frame


def test_seed_changes_order_and_frames(train, reference):
    other = training(train, seed=4)
    assert [clips_of(batch) for batch in other] != [clips_of(batch) for batch in reference]


@pytest.mark.parametrize(
    "num_workers", [1, pytest.param(3, marks=pytest.mark.soak(reason="starts three processes"))]
)
def test_worker_count_changes_nothing(train, reference, num_workers):
    assert_equal(training(train, num_workers=num_workers), reference)


@pytest.mark.parametrize(("start_step", "num_workers"), [(1, 0), (3, 0), (5, 2), (NUM_STEPS, 0)])
def test_a_resumed_run_gets_the_same_batches(train, reference, start_step, num_workers):
    resumed = training(train, start_step=start_step, num_workers=num_workers)
    assert_equal(resumed, reference[start_step:])


def test_the_length_of_the_run_changes_no_batch(train, reference):
    assert_equal(training(train, num_steps=3), reference[:3])


def test_one_clip_is_a_batch_of_one_in_every_epoch(train):
    batches = training(train.subset([4]), batch_size=1, num_steps=3)
    assert [len(batch["clips"]) for batch in batches] == [1, 1, 1]
    assert len(np.unique([batch["labels"] for batch in batches])) == 1
    assert pipeline.steps_per_epoch(1, 1) == 1
    message = r"^a batch of 2 clips cannot be filled from 1 training clip; use a smaller batch"
    with pytest.raises(UserError, match=message):
        pipeline.steps_per_epoch(1, 2)


def test_steps_per_epoch(train):
    assert pipeline.steps_per_epoch(9345, 40) == 233
    assert pipeline.steps_per_epoch(12, 12) == 1
    with pytest.raises(UserError, match="batch of 13 clips cannot be filled from 12"):
        training(train, batch_size=13)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_evaluation_gives_every_clip_once_in_order(data_dir, num_workers):
    source = open_split(dataset="clip_dataset/truth", split="test", data_dir=data_dir)
    batches = evaluation(source, num_workers=num_workers)
    assert [batch["mask"].tolist() for batch in batches] == [[True] * 4, [True] + [False] * 3]
    ids = np.concatenate([batch["clip_id"] for batch in batches])
    mask = np.concatenate([batch["mask"] for batch in batches])
    assert ids[mask].tolist() == [source[i]["clip_id"] for i in range(5)]
    assert ids.dtype.kind == "U" and not ids[~mask].astype(bool).any()
    for batch in batches:
        assert batch["clips"].dtype == np.uint8 and batch["clips"].shape == (4, 16, 32, 32, 3)
        assert batch["peak_intensity"].dtype == np.float32
        assert not batch["clips"][~batch["mask"]].any()
    peaks = np.concatenate([batch["peak_intensity"] for batch in batches])
    np.testing.assert_array_equal(peaks[mask], ids[mask].astype(int) / np.float32(16))
    pictures = np.concatenate([batch["clips"] for batch in batches])[mask]
    for clip_id, clip in zip(ids[mask].astype(int), pictures, strict=True):
        drawn = PROTOCOL.test(clip_dataset.TEST_LENGTHS[clip_id - 12])[0]
        assert [clip_dataset.numbers_in(p) for p in clip] == [(clip_id, i) for i in drawn]


def test_evaluation_without_intensity_and_with_another_batch_size(train):
    batches = evaluation(train, batch_size=12)
    assert len(batches) == 1 and batches[0]["mask"].all()
    assert batches[0].keys() == {"clips", "labels", "mask", "clip_id", "frame_index"}
    smaller = evaluation(train, batch_size=5)
    for name in batches[0]:
        joined = np.concatenate([batch[name] for batch in smaller])[:12]
        np.testing.assert_array_equal(joined, batches[0][name])


@pytest.mark.parametrize("policy", ["uniform", "official"])
def test_policy_and_size_reach_the_frames(train, policy):
    protocol = FrameProtocol(8, 2, policy)
    (batch,) = evaluation(train, batch_size=12, protocol=protocol, decode_size=64)
    assert batch["clips"].shape == (12, 16, 64, 64, 3)
    for clip, frames in zip(clips_of(batch), frames_of(batch), strict=True):
        assert frames == protocol.test(clip_dataset.LENGTHS[clip])[0].tolist()


def test_the_views_of_a_clip_lie_side_by_side(train):
    protocol = FrameProtocol(3, sampling="strided", frame_step=2, test_views=2)
    (batch,) = evaluation(train, batch_size=12, protocol=protocol, views=1)
    assert batch["clips"].shape == (12, 2, 3, 32, 32, 3)
    assert batch["views"].shape == (12, 1, 3, 32, 32, 3)
    for row, views in enumerate(batch["clips"]):
        clip = int(batch["clip_id"][row])
        places = protocol.test(clip_dataset.LENGTHS[clip])
        found = [[clip_dataset.numbers_in(picture)[1] for picture in view] for view in views]
        assert found == places.tolist(), f"clip {clip}"
        assert batch["frame_index"][row].tolist() == places[0].tolist()


def test_interpolated_clips_are_blends_of_all_their_frames(train):
    protocol = FrameProtocol(4, sampling="interpolated")
    whole = FrameProtocol(1, max(clip_dataset.LENGTHS), sampling="strided")
    (batch,) = evaluation(train, batch_size=12, protocol=protocol)
    (every,) = evaluation(train, batch_size=12, protocol=whole)
    for found, frames, clip in zip(batch["clips"], every["clips"], batch["clip_id"], strict=True):
        length = clip_dataset.LENGTHS[int(clip)]
        np.testing.assert_array_equal(found, interpolate(frames[:length], 4))
    (trained, *_) = training(train, protocol=protocol, num_steps=1)
    (again, *_) = training(train, protocol=protocol, num_steps=1)
    np.testing.assert_array_equal(trained["clips"], again["clips"])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_broken_frame_is_one_clear_sentence(data_dir, num_workers):
    source = open_split(dataset="clip_dataset/broken", split="train", data_dir=data_dir)
    with pytest.raises(UserError) as caught:
        evaluation(source, num_workers=num_workers)
    message = str(caught.value)
    assert message.startswith(
        "frame 3 (counted from 0) of clip 00002 is not a whole JPEG or PNG image;"
    )
    assert "\n" not in message and not isinstance(caught.value.__cause__, UserError)


def test_other_errors_are_not_hidden(train, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("out of order")

    monkeypatch.setattr(decode, "resize_square", fail)
    with pytest.raises(RuntimeError, match="out of order"):
        evaluation(train, decode_size=64)


def test_device_prefetch_keeps_order_and_runs_ahead():
    put = []
    source = iter(range(6))
    ahead = pipeline.prefetch_to_device(source, lambda x: put.append(x) or -x, depth=2)
    assert next(ahead) == 0 and put == [0, 1, 2]
    assert next(ahead) == -1 and put == [0, 1, 2, 3]
    assert list(ahead) == [-2, -3, -4, -5] and put == list(range(6))
    assert list(pipeline.prefetch_to_device([], jax.device_put)) == []


def test_leaving_early_ends_the_workers(train):
    batches = pipeline.training_batches(
        train,
        protocol=PROTOCOL,
        decode_size=32,
        batch_size=5,
        seed=3,
        start_step=0,
        num_steps=10**9,
        num_workers=1,
    )
    assert len(list(itertools.islice(batches, 2))) == 2
    workers = multiprocessing.active_children()
    assert workers
    batches.close()
    for worker in workers:
        worker.join(timeout=30)
    assert not any(worker.is_alive() for worker in workers)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_rows_of_all_processes_make_the_batches_of_one(train, num_workers):
    options = {"batch_size": 4, "start_step": 1, "num_steps": 8}  # over two epochs
    shares = [
        training(train, **options, rows=rows, num_workers=num_workers)
        for rows in (range(0, 2), range(2, 4))
    ]
    assert_equal(joined(shares), training(train, **options))


def test_rows_leave_the_incomplete_last_batch_out(train):
    shares = [training(train, batch_size=8, rows=range(i, i + 4)) for i in (0, 4)]
    assert_equal(joined(shares), training(train, batch_size=8))


@pytest.mark.parametrize("count", [12, 9, 1])
def test_every_process_evaluates_as_many_batches(train, count):
    source = train.subset(range(count))
    shares = [evaluation(source, batch_size=8, rows=range(i, i + 4)) for i in (0, 4)]
    assert_equal(joined(shares), evaluation(source, batch_size=8))


def test_other_processes_clips_are_not_read(train, monkeypatch):
    read, really_read = [], type(train).__getitem__

    def note(source, index):
        read.append(index)
        return really_read(source, index)

    monkeypatch.setattr(type(train), "__getitem__", note)
    evaluation(train, batch_size=6, rows=range(2, 4))
    assert sorted(read) == [2, 3, 8, 9]


def joined(shares):
    return [
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for parts in zip(*shares, strict=True)
    ]
