import pytest
from video_files import picture, write_video

from dfer_jax.data.crop.plan import make_plan, write_tables
from dfer_jax.errors import UserError


@pytest.fixture
def folders(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in (
        "Actor_01/01-01.mp4",
        "Actor_02/02-01.MP4",
        "notes.txt",
        "Actor_02/sound.wav",
        ".git/index",
    ):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"x")
    out.mkdir()
    return source, out


def test_all_videos_of_a_folder(folders):
    plan = make_plan(*folders)
    assert [video.name for video in plan.videos] == ["Actor_01/01-01", "Actor_02/02-01"]
    assert plan.rows is None and plan.absent == {}
    assert plan.passed_over == ["Actor_02/sound.wav", "notes.txt"]


def test_tables_of_a_release_come_along(folders):
    source, out = folders
    (source / "more").mkdir()
    (source / "more" / "votes.csv").write_text("a,b\n")
    write_tables(make_plan(source, out), out, {"Actor_01/01-01"})
    assert (out / "more" / "votes.csv").read_text() == "a,b\n"


@pytest.mark.parametrize("named", ["folder", "table"])
def test_the_videos_of_a_table(folders, named):
    source, out = folders
    (source / "Actor_03.mov").write_bytes(b"no row")
    (source / "labels.csv").write_text(
        "path,label,group\nActor_01/01-01.mp4,happiness,a\nActor_02/02-01.MP4,sadness,b\n"
        "gone.mp4,fear,c\n"
    )
    plan = make_plan(source if named == "folder" else source / "labels.csv", out)
    assert [video.name for video in plan.videos] == ["Actor_01/01-01", "Actor_02/02-01"]
    assert plan.absent == {"gone.mp4": "is not there"}
    assert plan.passed_over == ["Actor_02/sound.wav", "notes.txt", "Actor_03.mov"]
    write_tables(plan, out, {"Actor_02/02-01"})
    assert (out / "labels.csv").read_text() == "path,label,group\nActor_02/02-01,sadness,b\n"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s, o: make_plan(s / "none", o), "is not there; name a folder of videos"),
        (lambda s, o: make_plan(s / "notes.txt", o), "is a file; name the folder that holds it"),
        (lambda s, o: make_plan(s, s / "crops"), "lie in each other; name a folder elsewhere"),
        (lambda s, o: make_plan(o, s), r"holds no video \(\.mp4, "),
    ],
)
def test_refused(folders, make, message):
    with pytest.raises(UserError, match=message):
        make(*folders)


def test_two_videos_of_one_name_are_refused(folders):
    source, out = folders
    (source / "Actor_01" / "01-01.avi").write_bytes(b"x")
    with pytest.raises(UserError, match="differ in their suffix only"):
        make_plan(source, out)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Actor_01.mp4", r"01-01\.mp4 would be cropped into the folder of .*Actor_01\.mp4; rename"),
        ("crops.mp4", r"crops\.mp4: the name crops is taken; give it another one"),
        ("_faces/a.mp4", r"a\.mp4: the name _faces is taken; give it another one"),
    ],
)
def test_videos_whose_files_would_lie_among_others_are_refused(folders, name, message):
    source, out = folders
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_bytes(b"x")
    with pytest.raises(UserError, match=message):
        make_plan(source, out)


def test_a_table_of_nothing_that_is_there(folders):
    source, out = folders
    (source / "labels.csv").write_text("path,label\nnone.mp4,happiness\n")
    with pytest.raises(UserError, match=r"names no video that is there; none\.mp4 for one"):
        make_plan(source, out)


def test_odd_names(tmp_path):
    for name in ("a#1 (é).mp4", "%41.mp4", "b.tar.mp4"):
        write_video(tmp_path / "plain.mp4", [picture(1)]).rename(tmp_path / name)
    names = [video.name for video in make_plan(tmp_path, tmp_path.parent / "elsewhere").videos]
    assert names == ["%41", "a#1 (é)", "b.tar"]
