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


@pytest.mark.parametrize(
    "path", ['"""C:\\clips\\a.mp4"""', "/home/anna/a.mp4", r"\\server\clips\a.mp4"]
)
def test_a_path_from_the_root_of_a_disk_is_absolute_on_every_system(tmp_path, path):
    table = read(tmp_path, f"path,label\n{path},happy\n")
    assert [row.line for row in table.absolute] == [2] and not table.rows and not table.problems


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
     "actress", "personNo", "film 1", "groups", "patient", "child_id", "session"],
)  # fmt: skip
def test_a_column_of_persons_is_asked_about(tmp_path, name):
    message = error_of(tmp_path, f"path,label,{name}\na.mp4,happy,7\n")
    assert message == (
        f"labels.csv: the column {name!r} is unknown; did you mean 'group'? Name it so in the "
        f"first line, or '_{name}' if it is another thing"
    )


@pytest.mark.parametrize("name", ["video_id", "Source Video", "youtube_id"])
def test_a_column_of_the_videos_that_clips_are_cut_from_is_asked_about(tmp_path, name):
    header = f"path,label,{name}\n"
    assert "did you mean 'group'?" in error_of(tmp_path, header + "a,joy,q7\nb,joy,q7\n")
    assert len(read(tmp_path, header + "a,joy,q7\nb,joy,q8\n").rows) == 2, "names of the clips"


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
    rows = "a,joy,Training\nb,joy,PrivateTest\nc,joy,PublicTest\nd,joy,third\ne,joy,\n"
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
        ("video_id,label", "has no 'path' (is it 'video_id'?)"),
        ("path,emotion_id", "has no 'label' (is it 'emotion_id'?)"),
    ],
)
def test_usual_names_of_the_columns(tmp_path, header, hint):
    assert hint in error_of(tmp_path, f"{header}\na.mp4,happy\n")


def test_the_first_line_again_where_tables_were_joined(tmp_path):
    table = read(tmp_path, "path,label\na,joy\npath,label\nb,sad\n")
    assert [row.path for row in table.rows] == ["a", "b"]
    assert table.problems == [
        "labels.csv, line 3: the first line stands here once more, as where tables were joined; "
        "remove it"
    ]


def test_the_row_names_of_r(tmp_path):
    assert error_of(tmp_path, '"path","label"\n"1","a","joy"\n"2","b","sad"\n') == (
        "labels.csv: every line has 3 cells, the first 2, as where R writes its row names; write "
        "them with row.names=FALSE, or put a name for that column before the others"
    )


@pytest.mark.parametrize("first", ["Unnamed: 0", "", "index"])
def test_the_row_numbers_of_pandas_are_not_used(tmp_path, first):
    table = read(tmp_path, f"{first},path,label\n0,a,joy\n1,b,sad\n")
    assert [(row.path, row.label) for row in table.rows] == [("a", "joy"), ("b", "sad")]


def test_a_line_for_each_frame_is_one_sentence(tmp_path):
    table = read(tmp_path, "path,label\n" + "a,joy\n" * 30 + "b,sad\n" * 30)
    assert table.problems == [
        "labels.csv: 58 lines name a clip that an earlier line has named (line 3: a is in line 2); "
        "write one line for each clip, not one for each frame"
    ]


def test_delimiters_within_quotes_are_text(tmp_path):
    table = read(tmp_path, 'path;label;note\n"a; b.mp4";joy;"one, two; three"\n')
    assert table.rows == [Row(2, "a; b.mp4", "joy", "", "")] and not table.problems


def test_what_excel_leaves_beside_an_open_table_is_none(tmp_path):
    for name in ("mine.csv", "~$mine.csv", ".~lock.mine.csv#", "._mine.csv"):
        (tmp_path / name).write_bytes(b"")
    assert find_table(tmp_path).name == "mine.csv"


def test_folders_that_are_classes(tmp_path):
    for name in ("happy", "sad", "notes"):
        (tmp_path / name).mkdir()
    with pytest.raises(UserError) as error:
        find_table(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} has no labels.csv; if its folders happy, sad are the classes of what is in "
        "them, write a first line path,label and a line happy/NAME,happy for each clip"
    )
