import pytest
from release_trees import mafw
from release_trees.mafw import Clip

from dfer_jax.errors import UserError
from tfds_builders.folds import Entry
from tfds_builders.mafw import labels, lists
from tfds_builders.mafw.lists import read_folds
from tfds_builders.mafw.release import walk

CLIPS = [Clip(number, 1, labels.WORDS[number % 11], number % 5 + 1) for number in range(25, 47)]


@pytest.fixture
def root(tmp_path):
    mafw.write_lists(tmp_path, CLIPS, sets=("single",))
    return tmp_path


def add(root, fold, text, *, split="test"):
    path = mafw.list_path(root, fold, split)
    path.write_bytes(path.read_bytes() + text.encode())


def read(root, which="single"):
    tree, warnings = walk(root), []
    entries = read_folds(tree, which, warnings=warnings)
    return entries, tree.problems, warnings


def test_labels_have_the_released_counts():
    assert labels.SINGLE == (
        "happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear", "contempt",
        "anxiety", "helplessness", "disappointment",
    )  # fmt: skip
    totals = {kind: sum(map(sum, labels.expected(kind).values())) for kind in labels.KINDS}
    assert totals == {"single": 9172, "compound": 8996, "seven": 7576}
    assert [sum(row) for row in labels.expected("single").values()] == [
        1839,
        1837,
        1833,
        1832,
        1831,
    ]
    assert [sum(row) for row in labels.expected("compound").values()] == [
        1818, 1809, 1798, 1788, 1783,
    ]  # fmt: skip
    assert len(labels.COMPOUND) == 43 and labels.COMPOUND[:11] == labels.SINGLE
    assert labels.COMPOUND[11] == "anger_anxiety" and labels.COMPOUND[-1] == "surprise_anxiety"


@pytest.mark.parametrize(
    ("text", "compound", "name"),
    [
        ("anger", False, "anger"),
        ("Happy", False, "happiness"),
        ("sadness_helplessness", True, "sadness_helplessness"),
        ("helplessness_sadness", True, "sadness_helplessness"),
        ("neutral", True, "neutral"),
        ("sadness_helplessness", False, None),
        ("anger_happiness", True, None),  # no such class
        ("calm", False, None),
        ("unhappy", False, None),
        ("4", False, None),
    ],
)
def test_labels_are_read_as_words(text, compound, name):
    assert labels.parse(text, compound=compound) == name


def test_folds_and_labels_of_lists_with_windows_line_ends(root):
    entries, problems, warnings = read(root)
    assert not problems and not warnings
    assert entries == {clip.number: Entry(clip.fold, clip.label) for clip in CLIPS}
    assert list(entries) == sorted(entries)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("00048.mp4 4\r\n", "label '4' is not one of the words: numbers have no fixed order"),
        ("00048.mp4 calm\r\n", "label 'calm' is not one of MAFW's single classes"),
        ("00048.mp4\r\n", "'00048.mp4' is not a row such as '00025.mp4 anger'"),
        ("20099.mp4 anger\r\n", "unknown clip id 20099 (ids are 1..20098)"),
        ("00029.mp4 fear\r\n", "clip 00029 is already in line 1"),
        ("00025.mp4 fear\r\n", "clip 00025 is in the test lists of folds 1 and 5"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(root, row, wrong):
    add(root, 5, row)
    _, (problem,), _ = read(root)
    assert problem.endswith(wrong)


def test_training_lists_are_compared(root):
    add(root, 2, "00026.mp4 anger\r\n", split="train")
    _, (problem,), _ = read(root)
    assert problem == "clip 00026 is in the training list of fold 2 and also in its test list"
    mafw.list_path(root, 2, "train").unlink()
    _, problems, (warning,) = read(root)
    assert not problems and warning.startswith("no training list of fold 2")


def test_copies_must_say_the_same_whatever_their_line_ends(root):
    path = mafw.list_path(root, 3, "test")
    copy = root / "split" / "single" / "no_caption" / "set_3" / "test.txt"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    assert not read(root)[1]
    copy.write_bytes(b"00027.mp4 fear\n")
    _, (problem,), _ = read(root)
    assert "are both the test list of fold 3 but differ: remove one" in problem


def test_missing_lists_say_which_do_not_serve(root):
    with pytest.raises(UserError, match=r"lacks MAFW's lists compound/no_caption/set_1/test.txt"):
        read(root, "compound")
    path = mafw.list_path(root, 4, "test")
    captioned = root / "Train & Test Set" / "single" / "with_caption" / "set_4" / "test.txt"
    captioned.parent.mkdir(parents=True)
    path.rename(captioned)
    with pytest.raises(UserError, match=r"set_4/test.txt \(the lists with captions lack every"):
        read(root)
    numbers = path.with_suffix(".csv")
    captioned.rename(numbers)
    numbers.write_text("video_name,labels\n00028,4\n")
    with pytest.raises(UserError, match=r"set_4/test.txt \(lists of numbers do not serve"):
        read(root)


@pytest.mark.parametrize(
    ("text", "encoding", "suffix"),
    [
        ("{}.mp4,{}\r\n", "utf-8-sig", ".csv"),
        ('"{}.mp4";"{}"\r\n', "utf-8", ".txt"),
        ("{}\t{}\n", "utf-16", ".txt"),
        ("data/clips/{}.mp4 {}\r\n", "utf-8", ".txt"),
        ("clips\\{}.mp4 {}\r\n", "utf-8", ".txt"),
    ],
)
def test_lists_that_a_spreadsheet_saved_again(root, text, encoding, suffix):
    for fold in range(1, 6):
        for split in ("train", "test"):
            path = mafw.list_path(root, fold, split)
            rows = [line.split() for line in path.read_text().splitlines()]
            again = "video_name,labels\n" + "".join(
                text.format(int(name.removesuffix(".mp4")), label) for name, label in rows
            )
            path.unlink()
            path.with_suffix(suffix).write_bytes(again.encode(encoding))
    entries, problems, warnings = read(root)
    assert not problems and not warnings
    assert entries == {clip.number: Entry(clip.fold, clip.label) for clip in CLIPS}


def test_folds_in_folders_of_other_names_and_of_none(root):
    base = mafw.list_path(root, 1, "test").parents[1]
    for fold in range(1, 6):
        (base / f"set_{fold}").rename(base / f"Fold {fold}")
    assert not read(root)[1]
    base.parent.rename(base.parent.with_name("lists"))
    with pytest.raises(UserError, match=r"/Fold 1/test.txt lies below no folder 'single' or"):
        read(root)


def test_labels_without_folds_are_named(tmp_path):
    (tmp_path / "single_set.xlsx").write_bytes(b"PK\3\4")
    with pytest.raises(UserError, match=r"\(single_set.xlsx has classes, but not the folds\)"):
        read(tmp_path)


def test_folds_of_two_sets_are_compared_by_clip():
    first = {1: Entry(1, "a"), 2: Entry(1, "a"), 3: Entry(2, "a")}
    second = {1: Entry(1, "b"), 2: Entry(3, "b"), 9: Entry(1, "b")}
    assert lists.moved(first, second) == (2, 1)
