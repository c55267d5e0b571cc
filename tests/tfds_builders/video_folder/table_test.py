import re

import pytest

from dfer_jax.errors import UserError
from tfds_builders.video_folder.table import Row, find_table, read_table


def read(tmp_path, text, *, encoding="utf-8", newline="\n"):
    path = tmp_path / "labels.csv"
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    return read_table(path)


def problem_of(tmp_path, row, *, header="path,label"):
    table = read(tmp_path, f"{header}\n{row}\n")
    assert not table.rows and len(table.problems) == 1
    assert table.problems[0].startswith("labels.csv, line 2: ")
    return table.problems[0].partition(": ")[2]


def error_of(tmp_path, text, **kwargs):
    with pytest.raises(UserError) as error:
        read(tmp_path, text, **kwargs)
    return str(error.value)


ROWS = [
    Row(2, "a.mp4", "Happy", "train", "anna"),
    Row(3, "sub/b c.mp4", "SAD", "test", ""),
]


PLAIN = "path,label,split,group\na.mp4,Happy,train,anna\nsub/b c.mp4,SAD,test,\n"
EXCEL = "Path;Label;Split;Group\na.mp4;Happy;train;anna\nsub\\b c.mp4;SAD;Test;\n"
TABS = "group\tsplit\tlabel\tpath\nanna\ttraining\tHappy\ta.mp4\n\ttesting\tSAD\t./sub/b c.mp4\n"
QUOTED = ' label , path ,group,split\nHappy, a.mp4 ,"anna",train\nSAD,"sub/x/../b c.mp4",,test'


@pytest.mark.parametrize(
    ("text", "encoding", "newline"),
    [
        (PLAIN, "utf-8", "\n"),
        (EXCEL, "utf-8-sig", "\r\n"),
        (TABS, "utf-16", "\r\n"),
        (QUOTED, "utf-8", "\r"),
    ],
    ids=["plain", "excel", "excel unicode text", "quoted"],
)
def test_spreadsheets_and_editors_mean_the_same(tmp_path, text, encoding, newline):
    table = read(tmp_path, text, encoding=encoding, newline=newline)
    assert (table.rows, table.problems, table.warnings) == (ROWS, [], [])


def test_line_numbers_count_blank_lines_and_rows_over_several_lines(tmp_path):
    text = '\npath,label,note\n\na.mp4,happy,"two\nlines"\n,,\nb.mp4,,\n'
    table = read(tmp_path, text)
    assert [row.line for row in table.rows] == [4]
    assert table.problems[0].startswith("labels.csv, line 7: no label")


def test_split_and_group_may_be_absent_or_empty(tmp_path):
    for text in ("path,label\na.mp4,fear\n", "path,label,split,group\na.mp4,fear,,\n"):
        assert read(tmp_path, text).rows == [Row(2, "a.mp4", "fear", "", "")]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a.mp4,", "no label"),
        ("a.mp4", "no label"),
        (",happy", "no path"),
        ("../a.mp4,happy", "leads out of manual_dir"),
        ("x/../../a.mp4,happy", "leads out of manual_dir"),
        ("smile, big.mp4,happy", "3 cells for 2 columns; write a name that has a comma in double"),
        ("../a.mp4,", "leads out.*; no label"),
    ],
)
def test_a_wrong_row_says_why(tmp_path, row, why):
    assert re.search(why, problem_of(tmp_path, row))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            "a.mp4,happy,tst",
            "split 'tst' is not one of train, test, validation, unused; did you mean 'test'",
        ),
        ("a.mp4,happy,eval", "split 'eval' is not one of"),
        ("a.mp4,,tset", "no label; split 'tset'"),
    ],
)
def test_a_wrong_split_says_why(tmp_path, row, why):
    assert re.search(why, problem_of(tmp_path, row, header="path,label,split"))


def test_a_row_without_split_beside_rows_with_one(tmp_path):
    table = read(tmp_path, "path,label,split\na.mp4,fear,dev\nb.mp4,fear,\nc.mp4,fear,valid\n")
    assert [row.split for row in table.rows] == ["validation", "validation"]
    assert table.problems == ["labels.csv, line 3: no split, though other rows have one"]


def test_a_clip_named_twice(tmp_path):
    table = read(tmp_path, "path,label\na.mp4,fear\nb.mp4,fear\n./a.mp4,fear\na.mp4,joy\n")
    assert [row.line for row in table.rows] == [2, 3]
    assert table.problems == [
        "labels.csv, line 5: a.mp4 is already in line 2 as fear, here as joy",
        "labels.csv, line 4: a.mp4 is already in line 2",
    ]


def test_paths_in_either_unicode_form_are_the_same(tmp_path):
    table = read(tmp_path, "path,label\nzoe\u0308.mp4,fear\nzo\u00eb.mp4,fear\n")
    assert table.rows[0].path == "zo\u00eb.mp4" and "already in line 2" in table.problems[0]


def test_other_columns_are_told_and_left_out(tmp_path):
    table = read(tmp_path, "path,label,Notes,rating\na.mp4,fear,blurred,3\n")
    assert len(table.rows) == 1 and not table.problems
    assert table.warnings == [
        "labels.csv: columns Notes, rating are not used (only path, label, split, group are)"
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty; its first line must be path,label"),
        ("\n\n", "is empty"),
        ("path,label\n", "names no clip"),
        ("a.mp4,happy\n", "the first line must name the columns.*; it is 'a.mp4, happy'"),
        ("path,lable\na.mp4,happy\n", r"no 'label' \(is it 'lable'\?\)"),
        ("path,label,label\na.mp4,happy,sad\n", "the column 'label' twice"),
        ("path,label,splitt\na.mp4,happy,train\n", "'splitt' is unknown; did you mean 'split'"),
        ("path,label,set\na.mp4,joy,Train\nb.mp4,sad,val\n", "'set' is unknown; did you mean 'spl"),
        ('path,label\n"a.mp4,happy\nb.mp4,sad\n', "line 3: not a CSV table"),
    ],
)
def test_what_is_no_table(tmp_path, text, why):
    assert re.search(why, error_of(tmp_path, text))


def test_another_encoding_is_told_with_its_line(tmp_path):
    message = error_of(tmp_path, "path,label\na.mp4,fear\nzoë.mp4,fear\n", encoding="cp1252")
    assert "line 3: not UTF-8 text" in message and "CSV UTF-8" in message


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["labels.csv", "other.csv"], "labels.csv"),
        (["Labels.CSV", "other.csv"], "Labels.CSV"),
        (["mine.csv", "._mine.csv", "a.mp4"], "mine.csv"),
    ],
)
def test_which_table(tmp_path, files, chosen):
    for name in files:
        (tmp_path / name).write_text("")
    assert find_table(tmp_path).name == chosen


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (["a.csv", "b.csv"], r"several tables \(a.csv, b.csv\); name the right one labels.csv"),
        (["labels.xlsx"], "no labels.csv, but labels.xlsx: save that as 'CSV UTF-8'"),
        (["a.mp4"], "no labels.csv: write one"),
    ],
)
def test_no_table(tmp_path, files, why):
    for name in files:
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match=why):
        find_table(tmp_path)
