"""Tables as people who prepare such data really write them."""

import io
import re
import zipfile

import pytest

from dfer_jax.errors import UserError
from tfds_builders.video_folder.table import Row, find_table, read_table

PLAIN = "path,label,split,group\na.mp4,happy,train,anna\nb c.mp4,sad,test,ben\n"
ROWS = [
    Row(2, "a.mp4", "happy", "train", "anna"),
    Row(3, "b c.mp4", "sad", "test", "ben"),
]


def read(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


def error_of(tmp_path, content):
    with pytest.raises(UserError) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{tmp_path}/")


def archive(name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as workbook:
        workbook.writestr(name, "application/vnd.oasis.opendocument" if name == "mimetype" else "")
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-8-sig"])
def test_utf16_is_read_with_and_without_its_mark(tmp_path, encoding):
    assert read(tmp_path, PLAIN.encode(encoding)).rows == ROWS


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=,"])
def test_the_line_that_tells_excel_the_delimiter(tmp_path, first):
    table = read(tmp_path, f"\ufeff{first}\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"))
    assert [row.line for row in table.rows] == [3, 4] and not table.problems
    assert [row.path for row in table.rows] == ["a.mp4", "b c.mp4"]


def test_marks_without_width_are_not_part_of_names(tmp_path):
    text = (
        "\u200bpath,la\u200bbel\u2060,\ufeffsplit,group\n\u202aa.mp4\u202c,\u200bhappy,tr\u200dain,"
    )
    table = read(tmp_path, text + "anna\u200b\nb c.mp4,\u00a0sad\u00a0,test,\u2068ben\u2069\n")
    assert table.rows == ROWS and not table.problems


@pytest.mark.parametrize(
    "path", ["'a.mp4'", '"""a.mp4"""', "\u201ca.mp4\u201d", "\u00aba.mp4\u00bb"]
)
def test_quotes_around_a_path(tmp_path, path):
    assert read(tmp_path, PLAIN.replace("a.mp4", path)).rows == ROWS


def test_a_path_copied_by_windows_is_told_as_absolute(tmp_path):
    (problem,) = read(tmp_path, 'path,label\n"""C:\\clips\\a.mp4""",happy\n').problems
    assert problem == (
        r"labels.csv, line 2: C:\clips\a.mp4 is absolute; write it from the folder of the table on"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (archive("xl/workbook.xml"), "an Excel workbook"),
        (archive("mimetype"), "an OpenDocument spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of the old kind"),
        (b"<html><table>", "a web page or XML file"),
        (b"%PDF-1.7", "a PDF document"),
    ],
)
def test_another_kind_of_file_named_csv(tmp_path, content, what):
    assert error_of(tmp_path, content) == (
        f"labels.csv is {what}, whatever its name says; open it in its program and save it as "
        "'CSV UTF-8'"
    )


@pytest.mark.parametrize(
    ("text", "header", "below"),
    [
        ("path;label\na.mp4,happy\nb.mp4,sad\n", "semicolons", "commas"),
        ("path,label\na.mp4;happy\nb.mp4;sad\n", "commas", "semicolons"),
        ("path\tlabel\na.mp4,happy\n", "tabs", "commas"),
    ],
)
def test_a_delimiter_that_only_the_header_has(tmp_path, text, header, below):
    assert error_of(tmp_path, text) == (
        f"labels.csv: the first line has {header} between its columns, the lines below have "
        f"{below}; write the same in all of them"
    )


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("some dir/a.mp4 0\nb.mp4 1\n", "'path label'"),
        ("a 30 0\nb 28 1\n", "'path number label'"),
        ("a.mp4\t0\nb.mp4\t1\n", None),
    ],
)
def test_lists_of_other_tool_kits(tmp_path, text, form):
    message = error_of(tmp_path, text)
    if form is None:  # tabs make columns of it
        assert "the first line must name the columns" in message
        return
    assert message == (
        f"labels.csv is a list of lines {form}, as other tool kits (MMAction2, VideoMAE, FERV39k) "
        "train from; write a first line path,label, a comma between the two and the classes' names "
        "in place of their numbers"
    )


def test_lists_with_names_of_classes(tmp_path):
    message = error_of(tmp_path, "Action/Sad/0010 Sad\nAction/Happy/0011 Happy\n")
    assert message.endswith("write a first line path,label, a comma between the two")


def test_blanks_between_the_columns(tmp_path):
    assert error_of(tmp_path, "path label\na.mp4 happy\n") == (
        "labels.csv: blanks stand between the columns; write commas: path,label"
    )


@pytest.mark.parametrize("name", ["train.txt", "labels.tsv", "kinetics.list"])
def test_a_list_of_another_name(tmp_path, name):
    (tmp_path / name).write_text("a.mp4 0\n")
    with pytest.raises(UserError, match=rf"has no labels.csv, but {name}: if that names the clips"):
        find_table(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["subject", "participant", "person_id", "speaker", "actor", "movie", "Subject ID", "Actors",
     "actress", "personNo", "film 1", "groups"],
)  # fmt: skip
def test_a_column_of_persons_is_asked_about(tmp_path, name):
    message = error_of(tmp_path, f"path,label,{name}\na.mp4,happy,7\n")
    assert message == (
        f"labels.csv: the column {name!r} is unknown; did you mean 'group'? Name it so in the "
        f"first line, or '_{name}' if it is another thing"
    )


@pytest.mark.parametrize(
    "columns", ["path,label,group,subject", "path,label,_subject", "path,label,rating"]
)
def test_columns_that_are_not_asked_about(tmp_path, columns):
    rest = ",7" * (columns.count(",") - 1)
    table = read(tmp_path, f"{columns}\na.mp4,happy{rest}\n")
    assert len(table.rows) == 1 and len(table.warnings) == 1
    assert f"columns {columns.split(',')[-1]} are not used" in table.warnings[0]


def test_an_empty_column_is_not_asked_about(tmp_path):
    assert len(read(tmp_path, "path,label,subject,set\na.mp4,happy,,\n").rows) == 1


@pytest.mark.parametrize("name", ["set", "Usage", "fold", "part"])
def test_a_column_of_mostly_splits_is_asked_about(tmp_path, name):
    rows = "a,joy,Training\nb,joy,train\nc,joy,PublicTest\nd,joy,unused\ne,joy,\n"
    assert re.search(
        f"the column '{name}' is unknown; did you mean 'split'",
        error_of(tmp_path, f"path,label,{name}\n{rows}"),
    )


def test_folds_by_number_are_no_splits(tmp_path):
    assert len(read(tmp_path, "path,label,fold\na,joy,1\nb,joy,2\n").rows) == 2


def test_unused_leaves_a_clip_out(tmp_path):
    text = "path,label,split\na,joy,train\nb,,Unused\nc,whatever,unused\nd,sad,test\n"
    table = read(tmp_path, text)
    assert [row.path for row in table.rows] == ["a", "d"] and table.unused == ["b", "c"]
    assert not table.problems


def test_if_the_rest_has_no_split_it_is_divided(tmp_path):
    table = read(tmp_path, "path,label,split\na,joy,\nb,joy,unused\nc,sad,\n")
    assert [row.split for row in table.rows] == ["", ""] and not table.problems


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("filename,label", "has no 'path' (is it 'filename'?)"),
        ("Video_Name,label", "has no 'path' (is it 'video_name'?)"),
        ("path,emotion", "has no 'label' (is it 'emotion'?)"),
    ],
)
def test_usual_names_of_the_columns(tmp_path, header, hint):
    assert hint in error_of(tmp_path, f"{header}\na.mp4,happy\n")
