"""What is found by names and tables alone: no video here has content."""

import pytest
from release_trees import cremad
from release_trees.named import touch

from dfer_jax.errors import UserError
from tfds_builders.cremad.clips import REPAIRED, prepare
from tfds_builders.cremad.names import BROKEN, PUBLISHED
from tfds_builders.cremad.tables import TIES, UNIQUE_VOTES

ONE_EACH = (1001, 1019, 1037, 1055, 1073)  # an actor of each fold
TAKES = cremad.takes_of(*ONE_EACH)


def lay(root, takes=TAKES, *, layout="clone"):
    touch([cremad.path(root, take, layout=layout) for take in takes])


def found(root, config="asked", **options):
    return prepare(root, config=config, **({"allow_missing": False} | options))


@pytest.mark.parametrize("layout", cremad.LAYOUTS)
def test_every_clip_in_every_layout(tmp_path, layout):
    lay(tmp_path, layout=layout)
    state = found(tmp_path)
    assert not state.problems
    assert [clip.id for clip in state.listing.clips] == [take.id for take in TAKES]


def test_the_whole_release_but_the_broken_four(tmp_path):
    lay(tmp_path, PUBLISHED)
    state = found(tmp_path)
    clips = state.listing.clips
    assert not state.problems and len(clips) == 7438
    assert len({(clip.features["group"], clip.split) for clip in clips}) == 91
    (told,) = [line for line in state.warnings if "broken at the source" in line]
    assert told.startswith("4 clips") and all(name in told for name in BROKEN)
    assert not any("published" in line for line in state.warnings)


def test_the_broken_four_are_built_where_they_were_repaired(tmp_path):
    lay(tmp_path, PUBLISHED)
    state = found(tmp_path, REPAIRED)
    clips = {clip.id: clip for clip in state.listing.clips}
    assert not state.problems and len(clips) == 7442 and set(BROKEN) <= set(clips)
    assert clips["1064_TIE_SAD_XX"].label == "sadness" and clips["1064_TIE_SAD_XX"].split == "fd4"
    assert sum(map(sum, state.expected.values())) == 7442
    (told,) = [line for line in state.warnings if "broken at the source" in line]
    assert told.startswith("4 clips are broken at the source and are built as found;")
    assert not any("published" in line for line in state.warnings)


def test_missing_clips_are_warnings_with_numbers(tmp_path):
    lay(tmp_path, TAKES[5:])
    told = "\n".join(found(tmp_path).warnings)
    assert "87 actors have fewer clips than published:\n  1001 (77 of 82)\n  1002 (0 of 81)" in told
    assert "7,039 of the 7,438 published clips are not there" in told


def test_features_of_a_clip(tmp_path):
    lay(tmp_path)
    cremad.write_actors(tmp_path, [1019])
    clips = {clip.id: clip for clip in found(tmp_path).listing.clips}
    clip = clips["1019_IEO_FEA_MD"]
    assert (clip.label, clip.split) == ("fear", "fd2")
    assert clip.features == {
        "intensity": "MD", "sentence": "IEO", "actor": 1019, "group": "1019", "age": 39,
        "sex": "Female", "fps": 0.0,
    }  # fmt: skip
    other = clips["1001_IEO_FEA_MD"].features
    assert (other["age"], other["sex"]) == (0, "")


def test_a_clone_without_git_lfs_is_one_sentence(tmp_path):
    lay(tmp_path)
    for take in TAKES:
        cremad.path(tmp_path, take).write_text(cremad.POINTER)
    with pytest.raises(UserError) as error:
        found(tmp_path)
    message = str(error.value)
    assert "404 of 404 videos are Git LFS pointers, not videos (VideoFlash/1001_DFA_" in message
    assert "in the clone run: git lfs install && git lfs pull" in message and "\n" not in message


def test_a_single_pointer_is_one_problem(tmp_path):
    lay(tmp_path)
    cremad.path(tmp_path, TAKES[3]).write_text(cremad.POINTER)
    (problem,) = found(tmp_path).problems
    assert problem.startswith("1 of 404 videos are Git LFS pointers")


def test_seen_is_what_most_viewers_saw(tmp_path):
    lay(tmp_path)
    codes = ("A", "D", "F", "H", "N", "S", "A:D")
    votes = {take.id: codes[at % 7] for at, take in enumerate(TAKES)}
    cremad.write_votes(tmp_path, votes)
    state = found(tmp_path, "seen")
    assert not state.problems
    names = dict(zip(codes, ("anger", "disgust", "fear", "happiness", "neutral", "sadness"),
                     strict=False))  # fmt: skip
    assert {clip.id: clip.label for clip in state.listing.clips} == {
        clip_id: names[vote] for clip_id, vote in votes.items() if vote != "A:D"
    }
    (told,) = [line for line in state.warnings if "no majority" in line]
    assert told.startswith(f"{list(votes.values()).count('A:D')} clips have no majority of viewers")
    assert f"ties {list(votes.values()).count('A:D')} ({TIES})" in state.tables[0]
    assert sum(UNIQUE_VOTES.values()) + TIES == 7442


def test_seen_without_or_with_a_wrong_table(tmp_path):
    lay(tmp_path)
    with pytest.raises(UserError, match=r"no processedResults/summaryTable.csv.*cremad/asked"):
        found(tmp_path, "seen")
    table = tmp_path / cremad.TABLE
    touch([table])
    table.write_text(cremad.POINTER)
    with pytest.raises(UserError, match=r"summaryTable.csv is a Git LFS pointer"):
        found(tmp_path, "seen")
    table.write_text("FileName\n1001_DFA_ANG_XX\n")
    with pytest.raises(UserError, match="has no column FaceVote"):
        found(tmp_path, "seen")
    cremad.write_votes(tmp_path, {take.id: "A" for take in TAKES[2:]} | {TAKES[1].id: "X"})
    problems = found(tmp_path, "seen").problems
    assert "'X' is not a row of the release" in problems[0] and len(problems) == 2
    assert "no row names 2 of the clips in summaryTable.csv (1001_DFA_ANG_XX" in problems[1]


@pytest.mark.parametrize(
    ("mark", "encoding", "name"),
    [(";", "utf-8-sig", "summaryTable.csv"), ("\t", "utf-16", "summaryTable (1).csv")],
)
def test_a_table_that_a_spreadsheet_saved_again(tmp_path, mark, encoding, name):
    lay(tmp_path)
    cremad.write_votes(tmp_path, {take.id: "A" for take in TAKES})
    released = tmp_path / cremad.TABLE
    text = (
        released.read_text()
        .replace(",", mark)
        .replace(".5", ",5")
        .replace('"', "")
        .replace("_XX", "_XX.flv")
    )
    released.unlink()
    (tmp_path / name).write_bytes(text.encode(encoding))
    state = found(tmp_path, "seen")
    assert not state.problems and {clip.label for clip in state.listing.clips} == {"anger"}


def test_a_table_that_is_a_workbook(tmp_path):
    lay(tmp_path)
    (tmp_path / "summaryTable.xlsx").write_bytes(b"PK\3\4")
    with pytest.raises(UserError, match=r"xlsx is an Excel workbook: save it as 'CSV UTF-8' named"):
        found(tmp_path, "seen")
    (tmp_path / "summaryTable.csv").write_bytes(b"PK\3\4")
    with pytest.raises(UserError, match=r"csv is an Excel workbook, whatever its name says"):
        found(tmp_path, "seen")


def test_one_picture_per_second_does_not_serve(tmp_path):
    folder = tmp_path / "Image-01-FPS"
    touch([folder / take.id / "00001.jpg" for take in TAKES])
    with pytest.raises(UserError, match=r"only 404 clips are folders of one picture per second"):
        found(tmp_path)
    lay(tmp_path)
    state = found(tmp_path)
    assert len(state.listing.clips) == 404
    assert any("one picture per second" in line for line in state.warnings)


@pytest.mark.parametrize("form", ["{}_aligned", "{}.flv", "{}_frames", "faces/{}/frames"])
def test_folders_of_frames_as_tools_name_them(tmp_path, form):
    touch([tmp_path / form.format(take.id) / "frame_det_00_000007.jpg" for take in TAKES])
    state = found(tmp_path)
    clips = state.listing.clips
    assert not state.problems and [clip.id for clip in clips] == [take.id for take in TAKES]
    assert {clip.frames for clip in clips} == {("frame_det_00_000007.jpg",)}


def test_videos_beside_their_converted_copies_are_one_problem(tmp_path):
    lay(tmp_path)
    touch([cremad.path(tmp_path, take, layout="videos") for take in TAKES])
    for take in TAKES:
        cremad.path(tmp_path, take).write_bytes(b"flv")
    (problem,) = found(tmp_path).problems
    assert problem.startswith("clips have two videos that differ, remove one of each (404: ")


def test_actors_of_one_fold_alone_and_nothing_at_all(tmp_path):
    lay(tmp_path, cremad.takes_of(1001, 1002))
    with pytest.raises(UserError, match=r"of fd2 \(actors 1019-1036\), .* only of 1001, 1002"):
        found(tmp_path)
    touch([tmp_path / "other" / "AudioWAV" / "1001_DFA_ANG_XX.wav"])
    with pytest.raises(UserError, match=r"only sound \(AudioWAV/1001.*put VideoFlash"):
        found(tmp_path / "other")
