"""The check of RAVDESS, CREMA-D and MAFW says what their builders say."""

import pytest
import tensorflow_datasets as tfds
from release_trees import cremad, mafw, ravdess

from dfer_jax.data.check.download import check_download
from dfer_jax.errors import UserError
from tfds_builders import build
from tfds_builders.mafw import labels

MAFW = [mafw.Clip(number, 2, labels.WORDS[number % 11], number % 5 + 1) for number in range(25, 47)]


def check(root, name):
    return check_download(name, str(root), processes=1)


def faults(result):
    return {finding.kind: finding.items for finding in result.of("fault")}


def problems_of_builder(name, root, data_dir):
    builder_class, config = build.find_builder(name)
    builder = builder_class(config=config, data_dir=data_dir)
    with pytest.raises(UserError):
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    return sorted(builder._pass.problems)


def assert_same_faults(name, root, data_dir, kinds):
    result = check(root, name)
    assert not result.can_be_built and set(faults(result)) == kinds
    items = sorted(item for found in faults(result).values() for item in found)
    assert items == problems_of_builder(name, root, data_dir)


def test_ravdess(tmp_path):
    root = tmp_path / "release"
    trials = [ravdess.trials_of(actor)[at] for actor in (1, 5, 9, 13, 17, 21) for at in (0, 30)]
    for trial in trials:
        ravdess.write(root, trial)
    assert check(root, "ravdess").can_be_built
    path = ravdess.path(root, trials[0])
    path.rename(path.with_name("02-01-09-01-01-01-01.mp4"))
    other = ravdess.path(root, trials[2])
    (root / "Actor_06").mkdir()
    other.rename(root / "Actor_06" / other.name)
    assert_same_faults("ravdess/speech", root, tmp_path / "data", {"wrong_name"})


def test_cremad(tmp_path):
    root = tmp_path / "release"
    takes = [t for a in (1001, 1019, 1037, 1055, 1073) for t in cremad.takes_of(a)[:3]]
    for take in takes:
        cremad.write(root, take)
    assert check(root, "cremad").can_be_built
    cremad.path(root, takes[0]).write_text(cremad.POINTER)
    cremad.write(root, takes[1], layout="videos")
    path = cremad.path(root, takes[3])
    path.write_bytes(path.read_bytes()[:300])  # within the first picture
    kinds = {"lfs_pointer", "two_folders", "truncated"}
    assert_same_faults("cremad/asked", root, tmp_path / "data", kinds)


def test_mafw(tmp_path):
    root = tmp_path / "release"
    mafw.write_clips(root, MAFW)
    mafw.write_lists(root, MAFW, sets=("single",))
    assert check(root, "mafw").can_be_built
    with open(mafw.list_path(root, 5, "test"), "ab") as file:
        file.write(b"00050.mp4 4\r\n00051.mp4\r\n")
    for path in mafw.folder(root, MAFW[3]).iterdir():
        path.unlink()
    kinds = {"label", "unknown_clip", "empty_clip"}
    assert_same_faults("mafw/single", root, tmp_path / "data", kinds)
