import shutil
import sys

import pytest
import tensorflow_datasets as tfds
from release_trees import mafw
from release_trees.mafw import Clip

from dfer_jax.errors import UserError
from tfds_builders.mafw import labels
from tfds_builders.mafw.mafw_dataset_builder import Builder

CLIPS = [
    Clip(
        number, 2 + number % 11, labels.WORDS[number % 11], number % 5 + 1,
        compound="" if number % 4 == 0 else labels.COMPOUND[number % 43],
        compound_fold=(number + number % 3) % 5 + 1,
    )
    for number in range(19, 63)
]  # fmt: skip


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    mafw.write_clips(root, CLIPS)
    mafw.write_lists(root, CLIPS)
    return root


@pytest.fixture
def root(pristine, tmp_path):
    """A tree of the release that a test may damage."""
    return shutil.copytree(pristine, tmp_path / "release")


def build(root, data_dir, *, config="single", **kwargs):
    builder = Builder(config=config, data_dir=data_dir, **kwargs)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    return builder


def assert_every_frame(builder, clips=CLIPS, *, compound=False, video=False):
    """Checks clips, folds, labels and, by pixels, the frames of each clip in order."""
    names = builder.info.features["label"].names
    rows = [(c, c.compound, c.compound_fold) if compound else (c, c.label, c.fold) for c in clips]
    for fold in range(1, 6):
        wanted = [(clip, label) for clip, label, of in rows if label and of == fold]
        source = builder.as_data_source(split=f"fd{fold}")
        assert [e["clip_id"].decode() for e in source] == [clip.id for clip, _ in wanted]
        for (clip, label), example in zip(wanted, source, strict=True):
            assert names[example["label"]] == label and example["num_frames"] == clip.frames
            assert mafw.codes.read(example["frames"], video=video) == [
                (clip.id, number) for number in range(1, clip.frames + 1)
            ]


@pytest.mark.parametrize("layout", mafw.LAYOUTS)
def test_every_layout_gives_every_frame_in_order(tmp_path, layout):
    mafw.write_clips(tmp_path / "release", CLIPS, layout=layout)
    mafw.write_lists(tmp_path / "release", CLIPS, layout=layout)
    builder = build(tmp_path / "release", tmp_path / "data")
    assert_every_frame(builder)
    assert "tensorflow" not in sys.modules


def test_compound_beside_single(pristine, tmp_path, capsys):
    builder = build(pristine, tmp_path, config="compound")
    assert_every_frame(builder, compound=True)
    common = [clip for clip in CLIPS if clip.compound]
    moved = sum(clip.fold != clip.compound_fold for clip in common)
    assert moved and builder.info.features["label"].num_classes == 43
    printed = capsys.readouterr().out
    assert f"single and compound folds differ, {moved} of {len(common)} common clips lie" in printed
    assert "have seen test clips of the same fold of mafw/single" in printed
    assert "MAFW holds 1,097 clips of DFEW, 98 of AFEW" in printed


def test_seven_leaves_four_classes_out_and_says_so(pristine, tmp_path):
    builder = build(pristine, tmp_path, config="seven")
    seven = labels.KINDS["seven"]
    assert_every_frame(builder, [clip for clip in CLIPS if clip.label in seven])
    assert builder.info.features["label"].names == list(seven)
    (told,) = [line for line in builder.info.metadata["warnings"] if "of other classes" in line]
    assert told.startswith("16 of 44 listed clips are of other classes (contempt 4, anxiety 4, ")


@pytest.mark.parametrize("layout", mafw.VIDEOS)
def test_videos_of_whole_scenes(root, tmp_path, layout, capsys):
    mafw.write_clips(root, CLIPS, layout=layout)
    builder = build(root, tmp_path / "data", config="single_clips")
    assert_every_frame(builder, video=True)
    assert "no face was detected or cropped" in capsys.readouterr().out
    assert_every_frame(build(root, tmp_path / "data"))  # the frames beside them are not mixed in


def test_holes_in_frame_numbers_are_told(root, tmp_path):
    home = mafw.folder(root, CLIPS[3])
    names = sorted(path.name for path in home.iterdir())
    for name in reversed(names):
        (home / name).rename(home / f"{2 * int(name[:4]) + 5:04d}.png")
    builder = build(root, tmp_path / "data")
    assert_every_frame(builder)
    (gap,) = builder.info.metadata["clips_with_gaps"]
    assert gap.startswith(f"{CLIPS[3].id} (")


def test_empty_and_missing_folders(root, tmp_path):
    for path in mafw.folder(root, CLIPS[0]).iterdir():
        path.unlink()
    shutil.rmtree(mafw.folder(root, CLIPS[1]))
    with pytest.raises(UserError) as error:
        build(root, tmp_path / "data")
    for part in (
        "missing or empty clips 2", f"clip {CLIPS[0].id}: no image in its folder",
        f"clip {CLIPS[1].id}: no folder", "--allow_missing",
    ):  # fmt: skip
        assert part in str(error.value)
    builder = build(root, tmp_path / "data", allow_missing=True)
    assert builder.info.metadata["missing_clips"] == [CLIPS[0].id, CLIPS[1].id]
    assert_every_frame(builder, CLIPS[2:])


def test_folders_of_frames_as_tools_name_them(root, tmp_path):
    for clip, form in zip(CLIPS, ("{}.mp4", "{}_aligned"), strict=False):
        home = mafw.folder(root, clip)
        home.rename(home.with_name(form.format(clip.id)))
    assert_every_frame(build(root, tmp_path / "data"))
    shutil.copytree(mafw.folder(root, CLIPS[2]), root / f"data/frames/{CLIPS[2].id}_aligned")
    with pytest.raises(UserError, match=f"clip {CLIPS[2].id} has two folders, data/frames/"):
        build(root, tmp_path / "again")


def test_two_trees_of_the_same_clips_are_not_guessed_between(root, tmp_path):
    mafw.write_clips(root, CLIPS[:5], layout="faces")
    with pytest.raises(UserError, match=r"hold 5 clips of the same ids, .* move one of the two"):
        build(root, tmp_path / "data")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("single", "only videos of whole scenes (mafw/single_clips and its like"),
        ("compound_clips", "only folders of frames (mafw/single and its like"),
    ],
)
def test_the_other_source_is_named(tmp_path, config, why):
    mafw.write_clips(tmp_path, CLIPS, layout="clips" if config == "single" else "release")
    with pytest.raises(UserError) as error:
        build(tmp_path, tmp_path / "data", config=config)
    assert why in str(error.value)


def test_further_clips_and_registration(root, tmp_path):
    mafw.write_clips(root, [Clip(16000, 1, "", 0)])
    builder = build(root, tmp_path / "data")
    assert builder.info.metadata["unlisted_clips"] == 1
    assert tfds.builder_cls("mafw") is Builder
    assert Builder(data_dir=tmp_path).builder_config.name == "single"
