import os
import pickle
import platform
import re
import shutil
import subprocess
import sys

import clip_dataset
import numpy as np
import pytest
import tensorflow_datasets as tfds

from dfer_jax.data.contents import contents_of
from dfer_jax.data.records import Records, open_built
from dfer_jax.data.source import clip_index, open_split
from dfer_jax.errors import UserError


@pytest.fixture(scope="module")
def train(data_dir):
    return open_split(dataset="clip_dataset/plain", split="train", data_dir=data_dir)


def test_examples_hold_the_stored_bytes_and_the_labels_of_the_data_set(train):
    assert len(train) == len(clip_dataset.LENGTHS)
    seen = set()
    for position in range(len(train)):
        example = train[position]
        clip = int(example["clip_id"])
        seen.add(clip)
        assert example["num_frames"] == len(example["frames"]) == clip_dataset.LENGTHS[clip]
        assert train.classes[example["label"]] == clip_dataset.STORED_NAMES[clip % 7]
        for frame, data in enumerate(example["frames"]):
            assert data == clip_dataset.jpeg_of(clip, frame)
    assert seen == set(range(len(train)))


def test_splits_are_joined(data_dir):
    both = open_split(dataset="clip_dataset/plain", split="train+test", data_dir=data_dir)
    ids = [both[i]["clip_id"] for i in range(len(both))]
    assert len(set(ids)) == len(ids) == 17


def test_extra_features_are_passed_on(data_dir):
    source = open_split(dataset="clip_dataset/truth", split="test", data_dir=data_dir)
    for i in range(len(source)):
        assert source[i]["peak_intensity"] == int(source[i]["clip_id"]) / 16


def vanish(path):
    path.unlink()


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("damage", [vanish, cut, zero])
def test_a_file_that_changed_under_a_running_job_is_named(data_dir, tmp_path, damage):
    """Worker processes open the files anew, as late as they need them."""
    shutil.copytree(f"{data_dir}/clip_dataset", tmp_path / "clip_dataset")
    source = open_split(dataset="clip_dataset/truth", split="test+train", data_dir=str(tmp_path))
    (path,) = tmp_path.glob("clip_dataset/truth/*/*train.array_record*")
    opened_anew = pickle.loads(pickle.dumps(source))
    damage(path)
    with pytest.raises(UserError) as caught:
        opened_anew[16]
    said = re.escape(f"clip 16 (counted from 0) of test+train cannot be read from {path} (")
    assert re.fullmatch(f"{said}.*; bring the file back, or build .* again", str(caught.value))


def test_a_data_set_that_is_gone_is_named(data_dir, tmp_path):
    shutil.copytree(f"{data_dir}/clip_dataset", tmp_path / "clip_dataset")
    source = open_split(dataset="clip_dataset/truth", split="train", data_dir=str(tmp_path))
    there = pickle.loads(pickle.dumps(source))
    shutil.rmtree(tmp_path / "clip_dataset")
    with pytest.raises(UserError, match=f"the data set {there.directory} is gone or cannot be"):
        there[0]


def test_an_empty_split_is_said_without_advice_to_build_again(data_dir):
    message = r"^the split 'train\[:0\]' of .*/plain/1.0.0 is empty; name one of train, test that"
    with pytest.raises(UserError, match=message):
        open_split(dataset="clip_dataset/plain", split="train[:0]", data_dir=data_dir)


def test_subset_of_a_subset_and_pickle(train):
    part = train.subset([7, 2, 5]).subset([2, 0])
    assert [part[i]["clip_id"] for i in range(len(part))] == [
        train[5]["clip_id"],
        train[7]["clip_id"],
    ]
    copy = pickle.loads(pickle.dumps(part))
    assert copy == part and copy[1]["frames"] == part[1]["frames"]
    assert len(pickle.dumps(part)) < 1000  # names, no open files
    with pytest.raises(IndexError):
        part[2]


def test_clip_index(data_dir, train):
    index = clip_index(train)
    assert index.identities is None and index.labels.dtype == index.num_frames.dtype == np.int32
    examples = [train[i] for i in range(len(train))]
    assert index.clip_ids.tolist() == [example["clip_id"] for example in examples]
    assert index.labels.tolist() == [example["label"] for example in examples]
    assert index.num_frames.tolist() == [example["num_frames"] for example in examples]
    assert index.groups is None and index.peak_intensities is None
    truth = open_split(dataset="clip_dataset/truth", split="train", data_dir=data_dir)
    index = clip_index(truth.subset([4, 1]))
    assert index.identities.tolist() == [int(clip) // 3 for clip in index.clip_ids]
    assert index.peak_intensities.tolist() == [int(clip) / 16 for clip in index.clip_ids]


class GroupedClips(clip_dataset.ClipDataset):
    """Clips of films; of every third one the film is unknown."""

    def _info(self):
        info = super()._info()
        features = tfds.features.FeaturesDict({**info.features, "group": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _generate_examples(self, clips):
        for key, example in super()._generate_examples(clips):
            film = ("", "Film a", "film A")[key % 3]
            yield key, {**example, "group": film}


def test_groups_of_a_clip_index(tmp_path):
    GroupedClips(
        data_dir=tmp_path, config="plain", file_format="array_record"
    ).download_and_prepare()
    source = open_split(dataset="grouped_clips/plain", split="train", data_dir=str(tmp_path))
    index = clip_index(source)
    expected = [("", "Film a", "film A")[int(clip) % 3] for clip in index.clip_ids]
    assert index.groups.tolist() == expected


def test_the_highest_version_is_opened(tmp_path):
    for version in ("1.9.0", "1.10.0"):
        builder = clip_dataset.ClipDataset
        folder = tmp_path / "clip_dataset" / "plain"
        builder(
            data_dir=tmp_path, config="plain", file_format="array_record"
        ).download_and_prepare()
        (folder / "1.0.0").rename(folder / version)
    source = open_split(dataset="clip_dataset/plain", split="test", data_dir=str(tmp_path))
    assert source.directory.endswith("1.10.0")


def test_what_is_not_there(data_dir, tmp_path):
    for split in ("fd9", "train+fd9", "fd9[:50%]", ""):
        with pytest.raises(UserError, match=r"no split '(fd9)?'; its splits are train, test"):
            open_split(dataset="clip_dataset/plain", split=split, data_dir=data_dir)
    with pytest.raises(UserError, match="spelled right"):
        open_split(dataset="clip_dataset/plain", split="train[half]", data_dir=data_dir)
    with pytest.raises(UserError, match=r"dfer build dfew/full --data_dir .*--manual_dir"):
        open_split(dataset="dfew/full", split="fd1", data_dir=str(tmp_path))
    with pytest.raises(UserError, match=r"build synthetic_dfer/tiny --data_dir [^ ]*`"):
        open_split(dataset="synthetic_dfer/tiny", split="train", data_dir=str(tmp_path / "none"))


@pytest.mark.parametrize("damage", ["cut short", "removed", "metadata"])
def test_a_half_copied_dataset_is_named(tmp_path, damage):
    clip_dataset.build(str(tmp_path), "plain")
    folder = tmp_path / "clip_dataset" / "plain" / "1.0.0"
    (shard,) = folder.glob("*-train.array_record*")
    if damage == "cut short":
        shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    elif damage == "removed":
        shard.unlink()
    else:
        (folder / "dataset_info.json").write_text("{")
    unreadable = r"(plain/1\.0\.0 cannot be read |cannot be read from .*plain/1\.0\.0/)"
    with pytest.raises(UserError, match=rf"{unreadable}.*build the dataset again"):
        open_split(dataset="clip_dataset/plain", split="train", data_dir=str(tmp_path))


def test_records_that_have_no_random_access_are_said_by_all_who_read_them(data_dir, tmp_path):
    shutil.copytree(f"{data_dir}/clip_dataset", tmp_path / "clip_dataset")
    folder = tmp_path / "clip_dataset" / "plain" / "1.0.0"
    info = folder / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    for shard in folder.glob("*.array_record*"):
        shard.rename(folder / shard.name.replace("array_record", "tfrecord"))
    for read in (
        lambda: open_split(dataset="clip_dataset/plain", split="train", data_dir=str(tmp_path)),
        lambda: contents_of(open_built(folder)),
        lambda: Records(open_built(folder), "train"),
    ):
        with pytest.raises(UserError, match=r"plain/1\.0\.0 cannot be read .*; delete that folder"):
            read()


def test_tensorflow_and_torch_stay_out(data_dir):
    code = (
        "import sys\n"
        "from dfer_jax.data.source import clip_index, open_split\n"
        "import dfer_jax.data.pipeline\n"
        f"source = open_split(dataset='clip_dataset/plain', split='train', data_dir={data_dir!r})\n"
        "source[0], clip_index(source)\n"
        "assert not {'tensorflow', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of another C library")
def test_freed_memory_is_not_fetched_from_the_kernel_again():
    code = (
        "import resource\n"
        "import numpy as np\n"
        "from dfer_jax.data import source\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(20):\n"
        "        blocks = [np.ones(2**20, np.uint8) for _ in range(4)]\n"
        "        del blocks\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "faults()\n"
        "before = faults()\n"
        "source._keep_freed_memory()\n"
        "faults()\n"
        "assert faults() < before / 10, before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
