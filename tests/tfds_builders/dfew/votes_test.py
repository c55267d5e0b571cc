import io
import time
import tracemalloc
import zipfile

import dfew_tree
import openpyxl
import pytest
from dfew_tree import VOTE_COLUMNS

from tfds_builders.dfew import release, votes
from tfds_builders.dfew.lists import Entry

ROWS = ([0, 6, 4, 0, 0, 0, 0, 1, 2], [3, 0, 0, 0, 7, 0, 0, 2, 5], [2, 2, 2, 2, 1, 1, 0, 3, 0])
ENTRIES = {1: Entry(1, 2), 2: Entry(3, 5)}


def read(root, entries=ENTRIES):
    """Returns votes, warnings and problems of a folder."""
    tree, warnings = release.walk(root), []
    return votes.read_votes(tree, entries, warnings=warnings), warnings, tree.problems


def read_sheet(root, rows=ROWS, *, header=VOTE_COLUMNS, entries=ENTRIES):
    dfew_tree.write_votes(root / "Annotation" / "annotation.xlsx", rows, header=header)
    return read(root, entries)


def test_votes_are_joined_by_order_not_by_row(tmp_path):
    found, warnings, problems = read_sheet(tmp_path, ROWS[::-1])
    assert found == {
        1: (0, 6, 4, 0, 0, 0, 0), 2: (3, 0, 0, 0, 7, 0, 0), 3: (2, 2, 2, 2, 1, 1, 0)
    }  # fmt: skip
    assert not warnings and not problems


def test_columns_are_found_by_name(tmp_path):
    order = (8, 2, 7, 0, 1, 3, 4, 6, 5)
    names = [VOTE_COLUMNS[i].lstrip("1234567").upper() + " " for i in order]
    rows = [["", *(row[i] for i in order), "x"] for row in ROWS]
    found, warnings, problems = read_sheet(tmp_path, rows, header=[None, *names, "remark"])
    assert found[1] == (0, 6, 4, 0, 0, 0, 0) and len(found) == 3
    assert not warnings and not problems


@pytest.mark.parametrize("cell", [6.0, "6", " 6 "])
def test_whole_numbers_may_be_stored_as_others(tmp_path, cell):
    found, warnings, _ = read_sheet(tmp_path, [[0, cell, 4, 0, 0, 0, 0, 1, 2], *ROWS[1:]])
    assert found[1] == (0, 6, 4, 0, 0, 0, 0) and not warnings


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([0, 5, 4, 0, 0, 0, 0, 1, 2], "the votes for clip 00001 sum to 9, not 10"),
        ([-1, 7, 4, 0, 0, 0, 0, 1, 2], "a vote for clip 00001 is not a whole number"),
        ([0.5, 5.5, 4, 0, 0, 0, 0, 1, 2], "a vote for clip 00001 is not a whole number"),
        ([None, 6, 4, 0, 0, 0, 0, 1, 2], "a vote for clip 00001 is not a whole number"),
        (["0x", 6, 4, 0, 0, 0, 0, 1, 2], "a vote for clip 00001 is not a whole number"),
        ([True, 5, 4, 0, 0, 0, 0, 1, 2], "a vote for clip 00001 is not a whole number"),
        ([0, 6, 4, 0, 0, 0, 0, 1, 8], "the label of clip 00001 is not one of 0..7"),
        ([0, 6, 4, 0, 0, 0, 0, 0, 2], "order is not a clip id 1..16372"),
        ([0, 6, 4, 0, 0, 0, 0, 16373, 2], "order is not a clip id 1..16372"),
        ([0, 6, 4, 0, 0, 0, 0, "one", 2], "order is not a clip id 1..16372"),
    ],
)
def test_a_wrong_row_is_a_warning_and_its_clip_has_no_votes(tmp_path, row, why):
    found, warnings, problems = read_sheet(tmp_path, [row, *ROWS[1:]])
    assert not problems and list(found) == [2, 3]
    assert warnings[0].startswith("1 rows of Annotation/annotation.xlsx are wrong")
    assert f"row 2: {why}" in warnings[0]
    assert warnings[1].startswith("1 listed clips have no votes") and "00001" in warnings[1]


@pytest.mark.parametrize("times", [2, 3])
def test_of_a_repeated_clip_no_row_is_used(tmp_path, times):
    found, warnings, _ = read_sheet(tmp_path, [*ROWS, *[ROWS[0]] * (times - 1)])
    assert list(found) == [2, 3]
    assert "row 5: order 1 is also in row 2; neither row is used" in warnings[0]
    assert warnings[0].startswith(f"{times - 1} rows of")


def test_labels_that_differ_from_the_lists_are_told_and_the_votes_kept(tmp_path):
    entries = {1: Entry(1, 3), 3: Entry(2, 1)}
    found, (warning,), problems = read_sheet(tmp_path, entries=entries)
    assert len(found) == 3 and not problems
    assert warning.startswith("2 labels in Annotation/annotation.xlsx differ")
    assert "clip 00001 has label 2 in the sheet, 3 in the lists" in warning
    assert "clip 00003 has label 0 in the sheet, 1 in the lists" in warning


def test_without_a_sheet_there_are_no_votes_and_nothing_to_tell(tmp_path):
    assert read(tmp_path) == ({}, [], [])


def test_an_archive_that_is_not_extracted_is_told(tmp_path):
    (tmp_path / "annotation.zip").write_bytes(b"PK")
    _, warnings, problems = read(tmp_path)
    assert warnings == ["votes are left out, for annotation.zip is not extracted"]
    assert not problems


def test_equal_copies_are_one_sheet_and_others_a_problem(tmp_path):
    dfew_tree.write_votes(tmp_path / "a" / "annotation.xlsx", ROWS)
    (tmp_path / "b").mkdir()
    copy = tmp_path / "b" / "Annotation (1).xlsx"
    copy.write_bytes((tmp_path / "a" / "annotation.xlsx").read_bytes())
    assert len(read(tmp_path)[0]) == 3
    dfew_tree.write_votes(copy, ROWS[:1])
    found, _, (problem,) = read(tmp_path)
    assert not found and "b/Annotation (1).xlsx is another one that differs" in problem


def test_a_link_out_of_the_folder_is_not_opened(tmp_path):
    dfew_tree.write_votes(tmp_path / "outside.xlsx", ROWS)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "annotation.xlsx").symlink_to(tmp_path / "outside.xlsx")
    found, _, (problem,) = read(tmp_path / "root")
    assert not found and "outside manual_dir" in problem


def assert_one_problem(root, why):
    found, warnings, (problem,) = read(root)
    assert not found and not warnings and "\n" not in problem
    assert problem.startswith("annotation.xlsx: cannot be used as the sheet of votes (")
    assert why in problem
    assert problem.endswith("or remove the file to build without votes")


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (VOTE_COLUMNS[:6] + VOTE_COLUMNS[7:], "no column for fear"),
        ((*VOTE_COLUMNS, "Anger"), "two columns are for anger"),
        ((), "no column for happiness"),
    ],
)
def test_a_sheet_with_other_columns_is_one_problem(tmp_path, header, why):
    dfew_tree.write_votes(tmp_path / "annotation.xlsx", ROWS, header=header)
    assert_one_problem(tmp_path, why)


@pytest.mark.parametrize("content", [b"", b"1happy,2sad", b"PK\3\4" + bytes(40)])
def test_what_is_no_spreadsheet_is_one_problem(tmp_path, content):
    (tmp_path / "annotation.xlsx").write_bytes(content)
    assert_one_problem(tmp_path, "not an .xlsx file")


def test_a_truncated_or_changed_spreadsheet_is_one_problem(tmp_path):
    path = tmp_path / "annotation.xlsx"
    dfew_tree.write_votes(path, ROWS)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert_one_problem(tmp_path, "not an .xlsx file")
    path.write_bytes(changed_parts(whole, lambda name, data: data[: len(data) // 2]))
    assert_one_problem(tmp_path, "not a readable .xlsx file")


def changed_parts(whole, change):
    """Returns a zip archive whose parts were changed."""
    buffer = io.BytesIO()
    old, new = zipfile.ZipFile(io.BytesIO(whole)), zipfile.ZipFile(buffer, "w", 8)
    with old, new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def with_sheet_xml(path, xml):
    dfew_tree.write_votes(path, ROWS)

    def change(name, data):
        return xml if name == "xl/worksheets/sheet1.xml" else data

    path.write_bytes(changed_parts(path.read_bytes(), change))


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with_sheet_xml(tmp_path / "annotation.xlsx", b"<worksheet>" + b" " * 2**27)
    tracemalloc.start()
    assert_one_problem(tmp_path, "more than 16 MiB")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


def test_entities_that_grow_are_refused(tmp_path):
    grow = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))
    xml = f'<!DOCTYPE w [<!ENTITY e0 "0123456789">{grow}]><worksheet>&e12;</worksheet>'
    with_sheet_xml(tmp_path / "annotation.xlsx", xml.encode())
    start = time.perf_counter()
    assert_one_problem(tmp_path, "not a readable .xlsx file")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("reference", ["A1:XFD1048576", "A1"])
def test_the_size_that_a_sheet_states_is_not_trusted(tmp_path, reference):
    path = tmp_path / "annotation.xlsx"
    dfew_tree.write_votes(path, ROWS)
    with zipfile.ZipFile(path) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml")
    dimension = f'<dimension ref="{reference}"/><sheetData>'.encode()
    with_sheet_xml(path, xml.replace(b"<sheetData>", dimension))
    found, warnings, problems = read(tmp_path)
    assert len(found) == 3 and not warnings and not problems


def test_a_lone_cell_far_below_changes_nothing(tmp_path):
    workbook = openpyxl.Workbook()
    for number, row in enumerate((VOTE_COLUMNS, *ROWS), 1):
        for column, value in enumerate(row, 1):
            workbook.active.cell(number, column, value)
    workbook.active.cell(1_048_576, 1, 1)
    workbook.save(tmp_path / "annotation.xlsx")
    found, warnings, problems = read(tmp_path)
    assert len(found) == 3 and not warnings and not problems


def test_too_many_rows_are_one_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(votes, "_MAX_ROWS", 3)
    dfew_tree.write_votes(tmp_path / "annotation.xlsx", ROWS)
    assert_one_problem(tmp_path, "more than 3 rows")


def test_an_empty_first_worksheet_is_passed_over(tmp_path):
    workbook = openpyxl.Workbook()
    second = workbook.create_sheet()
    for row in (VOTE_COLUMNS, *ROWS):
        second.append(row)
    workbook.save(tmp_path / "annotation.xlsx")
    assert len(read(tmp_path)[0]) == 3
