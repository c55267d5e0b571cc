import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import pathlib
import pickle
import shutil

import clip_dataset
import numpy as np
import pytest
import tensorflow_datasets as tfds

from dfer_jax.data import pipeline
from dfer_jax.data.cached_source import index_of, open_cached_split
from dfer_jax.data.frame_cache import build as frame_build
from dfer_jax.data.frame_cache import plan as frame_plan
from dfer_jax.data.frame_cache.store import Place
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.source import ClipSource, open_split
from dfer_jax.errors import UserError

SIZE = 24
SAMPLING = {"protocol": FrameProtocol(4, 2), "decode_size": SIZE}
TRAINING = {**SAMPLING, "batch_size": 5, "seed": 3, "start_step": 0, "num_steps": 6}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A dataset of several files, and a frame cache of several parts beside it."""
    folder = str(tmp_path_factory.mktemp("sharded"))
    several = tfds.download.DownloadConfig(num_shards=3)
    clip_dataset.ClipDataset(
        data_dir=folder, config="truth", file_format="array_record"
    ).download_and_prepare(download_config=several)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_plan, "PART_BYTES", 45 * SIZE * SIZE * 3)
        frame_build.build(Place("clip_dataset/truth", folder, SIZE), num_processes=2)
    return folder


def both(data_dir, split="train", **options):
    names = {"dataset": "clip_dataset/truth", "split": split, "data_dir": str(data_dir)}
    return open_split(**names), open_cached_split(**names, **{"size": SIZE, **options})


def assert_same_batches(cached, decoded):
    cached, decoded = list(cached), list(decoded)
    assert len(cached) == len(decoded) > 0
    for one, other in zip(cached, decoded, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert type(value) is np.ndarray and value.dtype == other[name].dtype
            np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize(
    "split",
    ["train", "test", "train+test", "test+train", "train[:50%]", "test[1:]+train[3:-2]"],
)
def test_split_expressions_give_the_same_clips_in_the_same_order(built, split):
    decoded, cached = both(built, split)
    assert len(cached) == len(decoded)
    for i in range(len(decoded)):
        one, other = cached[i], decoded[i]
        for name in ("clip_id", "label", "num_frames", "peak_intensity"):
            assert one[name] == other[name] and type(one[name]) is type(other[name])
        seen = [clip_dataset.numbers_in(picture) for picture in one["frames"].read()]
        assert seen == [(int(one["clip_id"]), frame) for frame in range(one["num_frames"])]
    with pytest.raises(IndexError):
        cached[len(decoded)]


@pytest.mark.parametrize(
    "num_workers", [0, pytest.param(2, marks=pytest.mark.soak(reason="starts two processes"))]
)
def test_training_is_the_same_with_and_without(built, num_workers):
    decoded, cached = both(built)
    expected = pipeline.training_batches(decoded, **TRAINING, num_workers=0)
    assert_same_batches(
        pipeline.training_batches(cached, **TRAINING, num_workers=num_workers), expected
    )


def test_a_resumed_run_and_a_subset_are_the_same(built):
    decoded, cached = (source.subset([7, 2, 9, 11, 0, 5]) for source in both(built))
    decoded, cached = (source.subset([5, 4, 3, 2, 1]) for source in (decoded, cached))
    options = {**TRAINING, "start_step": 2, "batch_size": 2, "num_workers": 0}
    assert_same_batches(
        pipeline.training_batches(cached, **options), pipeline.training_batches(decoded, **options)
    )


def test_evaluation_is_the_same(built):
    decoded, cached = both(built, "test+train")
    options = {**SAMPLING, "batch_size": 6}
    assert_same_batches(
        pipeline.evaluation_batches(cached, **options, num_workers=1),
        pipeline.evaluation_batches(decoded, **options, num_workers=0),
    )


def test_batches_that_are_kept_are_not_overwritten(built):
    _, cached = both(built)
    kept = list(pipeline.training_batches(cached, **TRAINING, num_workers=0))
    copies = [batch["clips"].copy() for batch in kept]
    list(pipeline.training_batches(cached, **TRAINING, num_workers=0))
    for batch, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(batch["clips"], copy)


def test_the_index_is_the_same_and_no_record_is_read_for_it(built, monkeypatch):
    decoded, cached = (source.subset([4, 1, 8]) for source in both(built))
    expected = index_of(decoded).columns()
    monkeypatch.setattr(ClipSource, "_records", None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "as_data_source", None)
    columns = index_of(cached).columns()
    assert columns.keys() == expected.keys() and "identities" in columns
    for name, column in columns.items():
        assert column.dtype.kind == expected[name].dtype.kind
        np.testing.assert_array_equal(column, expected[name])


def test_it_travels_as_names_and_labels(built):
    _, cached = both(built)
    cached[0]
    assert len(pickle.dumps(cached)) < 2000
    copy = pickle.loads(pickle.dumps(cached))
    np.testing.assert_array_equal(copy[3]["frames"].read(), cached[3]["frames"].read())


def digest_of_all(source):
    digest = hashlib.sha256()
    for _ in range(20):
        for i in range(len(source)):
            digest.update(source[i]["frames"].read())
    return digest.hexdigest()


def test_concurrent_readers_see_the_same(built):
    _, cached = both(built)
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, spawn) as processes:
        futures = [processes.submit(digest_of_all, cached) for _ in range(2)]
        with concurrent.futures.ThreadPoolExecutor(4) as threads:  # with files opened at once
            fresh = pickle.loads(pickle.dumps(cached))
            digests = set(threads.map(digest_of_all, [fresh] * 4))
        assert digests | {future.result() for future in futures} == {digest_of_all(cached)}


def test_a_copy_on_another_machine_is_accepted(built, tmp_path):
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    assert len(both(tmp_path)[1]) == len(clip_dataset.LENGTHS)


def change_index(**fields):
    def change(folder):
        index = json.loads((folder / "index.json").read_text())
        (folder / "index.json").write_text(json.dumps({**index, **fields}))

    return change


def cut_a_part(folder):
    part = sorted(folder.glob("frames-*"))[2]
    os.truncate(part, part.stat().st_size - 1)


def damage_clips(folder):
    data = bytearray((folder / "clips.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "clips.npz").write_bytes(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, r"there is no frame cache .*/1\.0\.0/frame_cache_24;"),
        (lambda f: f.rename(f.with_name("frame_cache_24.building")), "24 is not finished;"),
        (lambda f: f.rename(f.with_name("frame_cache_32")), r"24 \(there is frame_cache_32\);"),
        (change_index(format=1), r"is of another format \(1, not 2\);"),
        (change_index(pixels="pil-1"), r"is of another decoding \(pil-1, not "),
        (change_index(size=32), r"is of another frame size \(32, not 24\);"),
        (change_index(dataset="dfew/full/1.0.0"), r"another dataset \(dfew/full/1\.0\.0, not "),
        (
            change_index(frames="0"),
            r"holds other clips or frames than clip_dataset/truth/1\.0\.0 has ",
        ),
        (change_index(more=1), r"has no readable index\.json \(.*'more'\);"),
        (lambda f: (f / "index.json").write_text("{"), r"has no readable index\.json \(Expecting"),
        (cut_a_part, r"is not whole: frames-00002-of-0.*\.npy is missing or cut short;"),
        (lambda f: next(f.glob("frames-00000*")).unlink(), r"frames-00000-.* is missing"),
        (damage_clips, r"is damaged: clips\.npz is not as it was written;"),
        (lambda f: (f / "clips.npz").unlink(), r"is damaged: clips\.npz"),
    ],
)
def test_refusals_are_one_sentence_with_the_command(built, tmp_path, change, message):
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    change(tmp_path / "clip_dataset" / "truth" / "1.0.0" / "frame_cache_24")
    with pytest.raises(UserError, match=message) as caught:
        both(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(
        f"build it with `dfer cache clip_dataset/truth --data_dir {tmp_path} --size 24`"
    )


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("damage", [pathlib.Path.unlink, lambda path: os.truncate(path, 4000)])
def test_a_file_that_is_gone_or_cut_short_under_a_run_is_named(built, tmp_path, damage, opened):
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    _, cached = both(tmp_path)
    expected = cached[0]["frames"].read() if opened else None
    cached = cached if opened else pickle.loads(pickle.dumps(cached))
    for part in tmp_path.rglob("frames-*.npy"):
        damage(part)
    if opened and damage is pathlib.Path.unlink:
        np.testing.assert_array_equal(cached[0]["frames"].read(), expected)
        return
    how = "has been cut short to 4,000 bytes, of which" if opened else "is gone or damaged"
    message = rf"{tmp_path}/.*/frames-.*\.npy {how} .*delete the frame cache and build it again"
    with pytest.raises(UserError, match=message):
        cached[0]["frames"].read()


def test_another_place_is_named_in_the_command(built, tmp_path):
    with pytest.raises(UserError, match=f"--size 24 --cache_dir {tmp_path}`"):
        both(built, cache_dir=str(tmp_path))


def test_a_dataset_built_again_is_told_apart(built, tmp_path):
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "clip_dataset" / "truth"
    (folder / "1.0.0").rename(folder / "kept")

    class Other(clip_dataset.ClipDataset, skip_registration=True):
        name = "clip_dataset"

        def _generate_examples(self, clips):
            for key, example in super()._generate_examples(clips):
                if key == 4:  # the same clips, one frame differs
                    example["frames"][1] = example["frames"][0]
                yield key, example

    Other(data_dir=tmp_path, config="truth", file_format="array_record").download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=3)
    )
    shutil.move(folder / "kept" / "frame_cache_24", folder / "1.0.0" / "frame_cache_24")
    shutil.rmtree(folder / "kept")
    with pytest.raises(UserError, match="holds other clips or frames than"):
        both(tmp_path)


def test_another_decode_size_is_refused(built):
    _, cached = both(built)
    message = r"decode_size is 32, but the frame cache .*/frame_cache_24 holds frames of 24 x 24"
    with pytest.raises(UserError, match=message):
        pipeline.training_batches(cached, **{**TRAINING, "decode_size": 32}, num_workers=0)
    with pytest.raises(UserError, match=message):
        options = {**SAMPLING, "decode_size": 32}
        pipeline.evaluation_batches(cached, **options, batch_size=4, num_workers=0)
