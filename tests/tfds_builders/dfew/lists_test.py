import dfew_tree
import pytest

from dfer_jax.errors import UserError
from tfds_builders.dfew import lists, release

CLIPS = [dfew_tree.Clip(id=10 * i, frames=1, label=i % 7 + 1, fold=i % 5 + 1) for i in range(1, 16)]


@pytest.fixture
def root(tmp_path):
    dfew_tree.write_lists(tmp_path, CLIPS)
    return tmp_path


def list_path(root, fold, split="test"):
    return dfew_tree.list_folder(root, split) / f"set_{fold}.csv"


def append(root, fold, *rows, split="test"):
    with open(list_path(root, fold, split), "a") as file:
        file.write("".join(f"{row}\n" for row in rows))


def read(root):
    """Returns entries, problems and warnings."""
    tree, warnings = release.walk(root), []
    return lists.read_folds(tree, warnings=warnings), tree.problems, warnings


def test_reads_folds_and_labels_ascending(root):
    entries, problems, warnings = read(root)
    assert entries == {clip.id: lists.Entry(clip.fold, clip.label) for clip in CLIPS}
    assert list(entries) == sorted(entries)
    assert not problems and not warnings


def test_accepts_padded_ids_bom_crlf_spaces_and_blank_lines(root):
    rows = [f"{clip.id:05d} , {clip.label}" for clip in CLIPS if clip.fold == 1]
    text = "\ufeffvideo_name,label\r\n" + "\r\n".join(rows) + "\r\n\r\n"
    list_path(root, 1).write_bytes(text.encode())
    entries, problems, _ = read(root)
    assert len(entries) == len(CLIPS) and not problems


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("20000,1", "unknown clip id '20000'"),
        ("0,1", "unknown clip id '0'"),
        ("-3,1", "unknown clip id '-3'"),
        ("a.mp4,1", "unknown clip id 'a.mp4'"),
        ("7,8", "label '8' of clip 00007 is not one of 1..7"),
        ("7,-1", "label '-1' of clip 00007"),
        ("7,Happy", "label 'Happy' of clip 00007"),
        ("7,1,1", "3 columns"),
        (",", "unknown clip id ''"),
        ("50,1", "clip 00050 is already in line 2"),
    ],
)
def test_a_wrong_row_is_a_problem_with_its_line(root, row, problem):
    append(root, 1, row)
    _, problems, _ = read(root)
    assert len(problems) == 1
    assert problem in problems[0] and "set_1.csv, line 5" in problems[0]


def test_labels_that_count_from_zero_are_one_problem_a_list(root):
    append(root, 2, "1,0", "2,0", "3,9", "4,0")
    _, problems, _ = read(root)
    assert len(problems) == 2
    assert "line 7: label '9' of clip 00003" in problems[0]
    assert "line 5: label '0' of clip 00001 is not one of 1..7; 2 more labels" in problems[1]
    assert problems[1].endswith("lists that count from 0 are not the released ones")


def test_a_quote_left_open_is_a_problem(root):
    list_path(root, 3).write_text('video_name,label\n"1,2\n3,4\n')
    _, problems, _ = read(root)
    assert len(problems) == 1 and "cannot be read as a table" in problems[0]


@pytest.mark.parametrize("text", ["", "1,2\n", "name,label\n1,2\n", "label,video_name\n2,1\n"])
def test_a_wrong_header_is_a_problem(root, text):
    list_path(root, 3).write_text(text)
    _, problems, _ = read(root)
    assert len(problems) == 1 and "first line must be" in problems[0]


def test_a_binary_list_is_a_problem(root):
    list_path(root, 3).write_bytes(b"PK\x03\x04\xff\xfe\0")
    _, problems, _ = read(root)
    assert len(problems) == 1 and "cannot be read as a table" in problems[0]


def test_a_clip_in_two_test_folds_is_a_problem_with_both_labels(root):
    clip = next(clip for clip in CLIPS if clip.fold == 2)
    append(root, 4, f"{clip.id},{clip.label % 7 + 1}")
    _, problems, _ = read(root)
    assert problems == [
        f"clip {clip.id:05d} is in the test lists of folds 2 and 4 with labels {clip.label} "
        f"and {clip.label % 7 + 1}"
    ]


def test_training_lists_must_be_the_union_of_the_other_test_lists(root):
    inside = next(clip for clip in CLIPS if clip.fold == 1)
    path = list_path(root, 1, "train")
    lines = path.read_text().splitlines()
    dropped, relabelled = lines[1].split(",")[0], lines[2].split(",")
    lines[1:3] = [f"{relabelled[0]},{int(relabelled[1]) % 7 + 1}"]
    path.write_text("\n".join([*lines, f"{inside.id},{inside.label}", "16000,1"]) + "\n")
    _, problems, _ = read(root)
    assert len(problems) == 4
    text = "\n".join(problems)
    assert f"clip {int(dropped):05d} is absent from the training list of fold 1" in text
    assert f"clip {inside.id:05d} is in the training list of fold 1 and also in its test" in text
    assert f"clip {int(relabelled[0]):05d} has label" in text
    assert "clip 16000 is in the training list of fold 1 and in no test list" in text


def test_a_wrong_test_list_does_not_blame_the_training_lists(root):
    append(root, 1, "7,8")
    _, problems, _ = read(root)
    assert len(problems) == 1


def test_absent_training_lists_are_a_warning(root):
    list_path(root, 2, "train").unlink()
    entries, problems, warnings = read(root)
    assert len(entries) == len(CLIPS) and not problems
    assert warnings == ["no training list of fold 2: not compared with the other test lists"]


def test_absent_test_lists_are_named(root):
    list_path(root, 2).unlink()
    (root / "test(single_labeled).zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"lacks DFEW's test lists set_2.csv.*must be extracted"):
        read(root)


def test_copies_of_a_list_must_be_equal(root):
    copy = root / "test(single-labeled)" / "set_1.csv"
    copy.parent.mkdir()
    copy.write_bytes(list_path(root, 1).read_bytes())
    assert not read(root)[1]
    copy.write_text("video_name,label\n1,1\n")
    (problem,) = read(root)[1]
    assert "are both the test list of fold 1 but differ" in problem
