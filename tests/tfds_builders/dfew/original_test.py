import sys

import dfew_tree
import pytest
import tensorflow_datasets as tfds

from dfer_jax.errors import UserError
from tfds_builders.dfew import original, release
from tfds_builders.dfew.dfew_dataset_builder import Builder

CLIPS = [
    dfew_tree.Clip(clip, 2 + clip % 20, clip % 7 + 1, clip % 5 + 1)
    for clip in (1, 2, 4, 17, 18, 4800, 4801, 12000, 16372)
]


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def find(root):
    """Returns the videos by id, problems and warnings."""
    tree, warnings = release.walk(root), []
    return original.clip_videos(tree, warnings=warnings), tree.problems, warnings


@pytest.mark.parametrize("layout", dfew_tree.LAYOUTS)
def test_videos_are_found_in_every_layout(tmp_path, layout):
    paths = {
        clip: dfew_tree.video_path(tmp_path, clip, layout=layout)
        for clip in (1, 4800, 4801, 9601, 14400, 14401, 16372)
    }
    touch(tmp_path, *paths.values())
    assert find(tmp_path) == (paths, [], [])


def test_the_parts_are_those_of_the_release(tmp_path):
    folders = [dfew_tree.video_path(tmp_path, i).parent.name for i in (4800, 4801, 14400, 16372)]
    assert folders == [
        "data_part_1-2-3", "data_part_4-5-6", "data_part_7-8-9", "data_part_10-11"
    ]  # fmt: skip


def test_padded_names_and_capitals_are_accepted(tmp_path):
    touch(tmp_path, "original/00017.MP4", "original/18.mp4", "original/._19.mp4")
    assert list(find(tmp_path)[0]) == [17, 18]


@pytest.mark.parametrize("second", ["original/00017.mp4", "original/data_part_1-2-3/17.mp4"])
def test_two_videos_of_a_clip_are_a_problem(tmp_path, second):
    touch(tmp_path, "original/17.mp4", second)
    _, (problem,), _ = find(tmp_path)
    assert problem.startswith("clip 00017 has two videos, original/") and "remove one" in problem


@pytest.mark.parametrize(
    "faces", ["Clip/clip_224x224_avi/00001.avi", "clip_224x224/1.mp4", "avi/00002.avi"]
)
def test_videos_of_face_frames_are_never_taken(tmp_path, faces):
    touch(tmp_path, faces, "Clip/original/2.mp4", "Clip/original/trailer.mp4")
    videos, problems, (warning,) = find(tmp_path)
    assert videos == {2: tmp_path / "Clip/original/2.mp4"} and not problems
    assert warning.startswith("2 videos show face frames or are not named ID.mp4")
    assert faces in warning and "Clip/original/trailer.mp4" in warning


def test_a_root_named_after_the_face_frames_may_hold_the_original_form(tmp_path):
    root = tmp_path / "clip_224x224"
    touch(root, "original/2.mp4")
    assert list(find(root)[0]) == [2]
    touch(tmp_path / "other_224x224", "2.mp4")
    with pytest.raises(UserError, match="has no videos of the form original"):
        find(tmp_path / "other_224x224")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("notes.txt", r"\.\.\.\): extract Clip/original/data_part_\*\.zip there$"),
        ("Clip/clip_224x224_avi/00001.avi", "clip_224x224_avi are made of face frames"),
        ("clip_224x224/00001/1.jpg", "only face frames .dfew/full and dfew/f16"),
        ("Clip/original/data_part_10-11.zip", "data_part_10-11.zip must be extracted first"),
    ],
)
def test_no_videos_is_one_sentence_that_says_what_is_there(tmp_path, path, why):
    touch(tmp_path, path)
    with pytest.raises(UserError, match=why):
        find(tmp_path)


def test_a_link_out_of_the_folder_is_a_problem(tmp_path):
    touch(tmp_path, "outside/3.mp4", "root/2.mp4")
    (tmp_path / "root" / "3.mp4").symlink_to(tmp_path / "outside" / "3.mp4")
    videos, (problem,), _ = find(tmp_path / "root")
    assert list(videos) == [2] and problem.startswith("3.mp4: a link to ")


def test_videos_do_not_hide_that_a_form_of_frames_is_absent(tmp_path):
    touch(tmp_path, "Clip/original/2.mp4")
    with pytest.raises(UserError, match=r"only videos \(dfew/original.*extract clip_224x224_16f"):
        release.clip_folders(release.walk(tmp_path), "f16")


def build(root, data_dir, **kwargs):
    builder = Builder(config="original", data_dir=data_dir, **kwargs)
    config = tfds.download.DownloadConfig(manual_dir=root)
    builder.download_and_prepare(download_config=config)
    return builder


def problems_of(root, data_dir, **kwargs):
    with pytest.raises(UserError) as error:
        build(root, data_dir, **kwargs)
    assert not list(data_dir.glob("dfew/[!.]*/*"))
    return str(error.value)


@pytest.fixture
def root(tmp_path):
    dfew_tree.write_tree(tmp_path / "release", CLIPS, form="original")
    return tmp_path / "release"


def test_every_frame_of_every_clip_is_built_in_order(root, tmp_path, capsys):
    dfew_tree.write_video(dfew_tree.video_path(root, 3), 3, 2)  # in no list
    dfew_tree.write_frames(dfew_tree.clip_folder(root, 1), 1, 3)
    dfew_tree.write_video(root / "Clip/clip_224x224_avi/00004.avi", 5, 2)
    builder = build(root, tmp_path / "data")
    for fold in range(1, 6):
        clips = sorted((clip for clip in CLIPS if clip.fold == fold), key=lambda clip: clip.id)
        source = builder.as_data_source(split=f"fd{fold}")
        assert [e["clip_id"].decode() for e in source] == [f"{clip.id:05d}" for clip in clips]
        for clip, example in zip(clips, source, strict=True):
            facts = (example["num_frames"], example["label"], example["fps"])
            assert facts == (clip.frames, clip.label - 1, 25.0)
            assert [dfew_tree.decode_video_frame(frame) for frame in example["frames"]] == [
                (clip.id, number) for number in range(1, clip.frames + 1)
            ]
    facts, printed = builder.info.metadata, capsys.readouterr().out
    assert facts["form"] == "original" and facts["unlisted_clips"] == 1
    assert facts["clips_by_frame_size"] == {"64x96": len(CLIPS)}
    assert f"warning: {original.NOTICE}" in printed
    assert "1 further clips are in no list" in printed and "00004.avi" in printed
    assert "tensorflow" not in sys.modules


def test_large_pictures_are_shrunk(tmp_path):
    dfew_tree.write_tree(tmp_path / "release", CLIPS[:6], form="original")
    path = dfew_tree.video_path(tmp_path / "release", 17)
    dfew_tree.write_video(path, 17, 5, codec="libx264", block=90)  # 360 x 540
    builder = build(tmp_path / "release", tmp_path / "data")
    (example,) = [e for e in builder.as_data_source(split="all") if e["clip_id"] == b"00017"]
    assert [frame.shape for frame in example["frames"]] == [(256, 384, 3)] * 5
    codes = [dfew_tree.decode_video_frame(frame) for frame in example["frames"]]
    assert codes == [(17, number) for number in range(1, 6)]
    assert builder.info.metadata["clips_by_frame_size"] == {"64x96": 5, "256x384": 1}


def test_one_error_lists_missing_and_damaged_videos(root, tmp_path):
    paths = {clip: dfew_tree.video_path(root, clip) for clip in (1, 2, 4, 17, 18)}
    paths[1].unlink()
    paths[2].write_bytes(b"")
    whole = paths[4].read_bytes()
    paths[4].write_bytes(whole[: whole.index(b"moov")])
    paths[17].write_bytes(b"<html>sign in</html>" * 50)
    dfew_tree.write_video(paths[18], 18, 9, options={"movflags": "faststart"})
    paths[18].write_bytes(paths[18].read_bytes()[:-5])
    message = problems_of(root, tmp_path / "data")
    for part in (
        "missing or empty clips 1, damaged images or videos 4",
        "clip 00001: no video",
        "00002 (2.mp4): the file is empty",
        "00004 (4.mp4): an MP4 file without an index: cut short",
        "00017 (17.mp4): not a video",
        "00018 (18.mp4): cut short or damaged after ",
        "--allow_missing",
    ):
        assert part in message
    message = problems_of(root, tmp_path / "data", allow_missing=True)
    assert "damaged images or videos 4" in message and "missing or empty" not in message


def test_missing_videos_may_be_allowed_and_are_listed(root, tmp_path):
    dfew_tree.video_path(root, 17).unlink()
    builder = build(root, tmp_path / "data", allow_missing=True)
    assert builder.info.metadata["missing_clips"] == ["00017"]
    assert len(builder.as_data_source(split="all")) == len(CLIPS) - 1


def test_a_half_extracted_release_is_said_at_once(root, tmp_path):
    clips = CLIPS + [dfew_tree.Clip(4802 + i, 1, 1, i % 5 + 1) for i in range(120)]
    dfew_tree.video_path(root, 4801).unlink()
    dfew_tree.write_lists(root, clips)
    message = problems_of(root, tmp_path / "data")
    assert "121 of 129 listed clips are absent (all of 04801-06400: part 4 of" in message
