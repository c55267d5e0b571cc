import pytest

from tfds_builders.frames import Listing
from tfds_builders.single_pass import SinglePass
from tfds_builders.tree import Tree
from tfds_builders.video_folder.present import named_as_found, present_rows, unused_and_unlisted
from tfds_builders.video_folder.table import Row, Table


def join(root, paths, found):
    """Returns the rows that are present and the state, of a table of `paths`."""
    table = Table(
        "labels.csv", [Row(at + 2, path, "fear", "", "") for at, path in enumerate(paths)]
    )
    clips = {}
    for name in found:
        clips[name] = root / name
        clips[name].parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".mp4"):
            clips[name].touch()
        else:
            clips[name].mkdir(exist_ok=True)
    table.rows = named_as_found(table.rows, clips)
    state = SinglePass("video_folder", Tree(root), Listing(), ())
    rows = present_rows(table, clips, links=set(), state=state)
    return [row.path for row in rows], state


def test_lost_zeros_are_one_sentence_for_the_column(tmp_path):
    names = [f"clips/{number:05d}" for number in range(1, 121)]
    rows, state = join(tmp_path, [f"clips/{number}" for number in range(1, 121)], names)
    assert not rows and not state.missing
    assert state.tree.problems == [
        "labels.csv: 120 of 120 paths have lost the zeros at their front, as in spreadsheet "
        "programs; give the column the format Text and write them again (line 2: clips/1 for "
        "clips/00001)"
    ]


def test_zeros_are_lost_with_the_suffix_too_and_other_rows_stay(tmp_path):
    rows, state = join(tmp_path, ["7", "012", "9.mp4"], ["007.mp4", "012", "09.mp4"])
    assert rows == ["012"]
    (problem,) = state.problems
    assert "2 of 3 paths have lost the zeros" in problem and "(line 2: 7 for 007.mp4)" in problem


def test_a_number_that_two_clips_may_be_is_told_by_itself(tmp_path):
    _, state = join(tmp_path, ["7"], ["007", "07"])
    assert state.missing == ["labels.csv, line 2: 7 is not there; did you mean 07?"]


def test_a_column_without_suffixes(tmp_path):
    _, state = join(tmp_path, ["a/x", "a/y", "a/z"], ["a/x.mp4", "a/y.mp4", "a/z.mp4"])
    assert state.problems == [
        "labels.csv: 3 of 3 paths lack the suffix of their file (line 2: a/x for a/x.mp4)"
    ]


def test_a_column_of_another_folder(tmp_path):
    _, state = join(tmp_path, ["a/x", "a/y", "a/z"], ["b/c/x", "b/c/y", "b/c/z"])
    assert state.problems == [
        "labels.csv: 3 of 3 paths name another folder; paths begin at the folder of the table "
        "(line 2: a/x for b/c/x)"
    ]


@pytest.mark.parametrize(
    ("in_table", "on_disk", "told"),
    [
        ("Anna/{}.MP4", "anna/{}.mp4",
         "differ from the names of the clips in upper and lower case"),
        ("a%20b/%C3%A9{}", "a b/\u00e9{}", "are written as in web addresses; write the characters "
         "themselves"),
        ("{}", "{}_aligned", "lack the _aligned at the end of their folder's name, which OpenFace "
         "writes"),
        ("~/data/x/{}", "x/{}", "name another folder; paths begin at the folder of the table"),
        ("file:///x/{}", "x/{}", "name another folder; paths begin at the folder of the table"),
    ],
)  # fmt: skip
def test_a_column_that_is_wrong_in_one_way_is_one_sentence(tmp_path, in_table, on_disk, told):
    paths, names = ([form.format(at) for at in range(5)] for form in (in_table, on_disk))
    rows, state = join(tmp_path, paths, names)
    assert not rows and state.problems == [
        f"labels.csv: 5 of 5 paths {told} (line 2: {paths[0]} for {names[0]})"
    ]


@pytest.mark.parametrize("root", ["/home/anna/data/", "C:\\clips\\", "\\\\server\\clips\\"])
def test_absolute_paths_are_one_sentence_with_the_way_out(tmp_path, root):
    table = Table("labels.csv")
    table.absolute = [Row(at + 2, f"{root}x/{at}", "fear", "", "") for at in range(5)]
    state = SinglePass("video_folder", Tree(tmp_path), Listing(), ())
    present_rows(table, {"x/3": tmp_path}, links=set(), state=state)
    assert state.problems == [
        f"labels.csv: 5 paths are absolute (line 5: {root}x/3), and lead elsewhere on another "
        "machine; write them from the folder of the table on, as x/3"
    ]


def test_one_absolute_path_is_told_with_its_line(tmp_path):
    table = Table("labels.csv", absolute=[Row(7, "/etc/a.mp4", "fear", "", "")])
    state = SinglePass("video_folder", Tree(tmp_path), Listing(), ())
    present_rows(table, {}, links=set(), state=state)
    assert state.problems == [
        "labels.csv, line 7: /etc/a.mp4 is absolute; write it from the folder of the table on"
    ]


@pytest.mark.parametrize(
    ("in_table", "on_disk"),
    [
        ("x\u200by.mp4", "xy.mp4"),
        ("\U0001f468\u200d\U0001f469.mp4", "\U0001f468\u200d\U0001f469.mp4"),
        ("quoted", '"quoted"'),
        ("quoted", "'quoted'"),
        ("back.mp4", "\u202eback.mp4"),
        ("a/b.mp4", "a\\b.mp4"),
    ],
)
def test_names_that_look_the_same_are_the_same(tmp_path, in_table, on_disk):
    rows, state = join(tmp_path, [in_table], [on_disk])
    assert rows == [on_disk] and not state.problems


@pytest.mark.parametrize(
    "name",
    ["-dash.mp4", "--help", "two  blanks.mp4", "100%.mp4", "#1.mp4", "[a](b){c}.mp4",
     "\u2764\ufe0f.mp4",
     "$x_1^2&~.mp4", "a\\b", "x" * 196 + ".mp4", "=1+2.mp4", "<b>.mp4"],
)  # fmt: skip
def test_odd_names_are_names(tmp_path, name):
    rows, state = join(tmp_path, [name], [name])
    assert rows == [name] and not state.problems


@pytest.mark.parametrize("name", [".hidden.mp4", "__MACOSX/a.mp4"])
def test_hidden_clips_are_named_as_such(tmp_path, name):
    _, state = join(tmp_path, [name], [])
    assert state.missing == [
        f"labels.csv, line 2: {name} is hidden by the dot at its front, or the system's own; "
        "rename it"
    ]


def test_a_name_too_long_for_a_disk_is_told(tmp_path):
    _, state = join(tmp_path, ["x" * 5000], [])
    assert "... cannot be a file's name" in state.missing[0] and len(state.missing[0]) < 300


def test_unused_clips_are_neither_lost_nor_unlisted():
    table = Table("labels.csv", [Row(2, "a", "fear", "", "")], unused=["b"])
    assert unused_and_unlisted(table, ["a", "b", "c"]) == (
        "1 clips of labels.csv have the split 'unused' and are left out.",
        ["c"],
    )
    table.unused.clear()
    assert unused_and_unlisted(table, ["a"]) == ("", [])
