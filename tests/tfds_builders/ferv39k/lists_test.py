import ferv39k_tree
import pytest
from ferv39k_tree import Clip

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from tfds_builders.ferv39k import lists, release, scenes

CLIPS = [
    Clip(scene, word, number, 1, "test" if number % 5 == 4 else "train")
    for scene in ("Action", "DailyLife", "War")
    for word in scenes.WORDS
    for number in range(6)
]


@pytest.fixture
def root(tmp_path):
    ferv39k_tree.write_lists(tmp_path, CLIPS)
    return tmp_path


def rows(split):
    return [clip.row for clip in CLIPS if clip.split == split]


def append(root, split, *rows):
    with open(ferv39k_tree.list_path(root, split), "a") as file:
        file.write("".join(f"{row}\n" for row in rows))


def read(root):
    """Returns entries and problems."""
    tree = release.walk(root)
    return lists.read_splits(tree), tree.problems


def test_every_row_is_read_the_first_and_the_last_too(root):
    entries, problems = read(root)
    assert not problems
    assert list(entries) == sorted(clip.id for clip in CLIPS)
    assert {name: entry.split for name, entry in entries.items()} == {
        clip.id: clip.split for clip in CLIPS
    }
    assert {(entry.word, entry.label) for entry in entries.values()} == set(
        zip(scenes.WORDS, CLASSES, strict=True)
    )


@pytest.mark.parametrize(
    ("between", "end", "start"),
    [
        (" ", "\r\n", ""),
        ("\t", "\n", ""),
        ("  ", "\n\n", "\ufeff"),
        (",", "\n", ""),
        (", ", "", ""),
    ],
    ids=["crlf", "tab", "blank-lines-bom", "comma", "comma-space"],
)
def test_line_ends_and_separators(root, between, end, start):
    if not end:  # no newline after the last row
        text = "\n".join(row.replace(" ", between) for row in rows("train"))
    else:
        text = "".join(row.replace(" ", between) + end for row in rows("train"))
    ferv39k_tree.list_path(root, "train").write_bytes((start + text).encode())
    entries, problems = read(root)
    assert not problems and len(entries) == len(CLIPS)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("path label", "'path label' is not a row as 'Action/Happy/0267 Happy'"),
        ("Action/Happy/7 Happy", "is not a row"),
        ("Action/Happy/0007", "is not a row"),
        ("Action/Happy/0007 Happy 3", "is not a row"),
        ("Action/Happy/0007/01.jpg Happy", "is not a row"),
        ("/etc/Happy/0007 Happy", "is not a row"),
        ("../Happy/0007 Happy", "unknown scene '..'"),
        ("Daily_Life/Happy/0007 Happy", "unknown scene 'Daily_Life'"),
        ("Dailylife/Happy/0007 Happy", "did you mean 'DailyLife'?"),
        ("War/Hapy/0007 Happy", "unknown class 'Hapy' in 'War/Hapy/0007 Happy'; did you mean"),
        ("War/Happy/0007 Contempt", "'Contempt' is not one of the expressions"),
        ("War/Happy/0007 1", "'1' is not one of the expressions"),
        ("War/Happy/0007 Sad", "label 'Sad' of clip War/Happy/0007, a folder of Happy"),
        ("Action/Happy/0001 Happy", "clip Action/Happy/0001 is already in line 2"),
        ("Action/Happy/0001 Sad", "is already in line 2; label 'Sad' of clip Action/Happy/0001"),
    ],
)
def test_a_wrong_row_is_a_problem_with_its_line(root, row, problem):
    append(root, "train", row)
    _, problems = read(root)
    assert len(problems) == 1
    assert problem in problems[0]
    assert f"4_setups/All_scenes/train_All.csv, line {len(rows('train')) + 1}: " in problems[0]


def test_a_clip_of_both_splits_is_a_problem(root):
    append(root, "test", "War/Fear/0000 Fear")
    assert read(root)[1] == ["clip War/Fear/0000 is in the lists of train and test"]


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_an_empty_list_is_a_problem(root, data):
    ferv39k_tree.list_path(root, "test").write_bytes(data)
    assert read(root)[1] == ["4_setups/All_scenes/test_All.csv: no row names a clip"]


def test_a_binary_list_is_a_problem(root):
    ferv39k_tree.list_path(root, "test").write_bytes(b"PK\x03\x04\xff\xfe\0")
    (problem,) = read(root)[1]
    assert "test_All.csv: cannot be read as text" in problem


def test_absent_lists_are_named_with_the_archive_that_may_hold_them(root):
    ferv39k_tree.list_path(root, "test").unlink()
    (root / "4_setups.zip").write_bytes(b"PK")
    message = r"lacks FERV39k's test_All\.csv: extract 4_setups there; 4_setups\.zip must be"
    with pytest.raises(UserError, match=message):
        read(root)
    ferv39k_tree.list_path(root, "train").unlink()
    with pytest.raises(UserError, match=r"train_All\.csv and test_All\.csv: extract"):
        read(root)


def test_copies_of_a_list_must_be_equal(root):
    copy = root / "drive-download" / "train_all.csv"
    copy.parent.mkdir()
    copy.write_bytes(ferv39k_tree.list_path(root, "train").read_bytes())
    assert not read(root)[1]
    copy.write_text("War/Happy/0000 Happy\n")
    (problem,) = read(root)[1]
    assert "are both the list of train but differ: remove one" in problem


def test_lists_of_single_scenes_are_not_taken_for_the_whole(root):
    other = root / "4_setups" / "22_scenes" / "train_Action.csv"
    other.parent.mkdir()
    other.write_text("Action/Happy/0000 Happy\n")
    assert len(read(root)[0]) == len(CLIPS)


def test_numbers_in_neither_list_are_found(root):
    entries, _ = read(root)
    assert lists.unlisted_numbers(entries) == []
    path = ferv39k_tree.list_path(root, "train")
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join(rest))  # what a reader that expects a header sees
    assert lists.unlisted_numbers(read(root)[0]) == [first.split()[0]]
