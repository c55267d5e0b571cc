import pytest

from dfer_jax.labels import CLASSES
from tfds_builders.aff_wild2.annotations import (
    ACTION_UNITS,
    EXPRESSIONS,
    AnnotationError,
    read,
)

SEVEN = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"


def parse(tmp_path, text, *, track="expr"):
    path = tmp_path / "a.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, track=track)


def names(annotation):
    return [EXPRESSIONS[label] if label >= 0 else None for label in annotation.labels]


def test_classes_are_the_canonical_seven_and_other():
    assert EXPRESSIONS[:7] == CLASSES and EXPRESSIONS[7:] == ("other",)
    assert len(ACTION_UNITS) == 12


def test_codes_are_read_by_the_header(tmp_path):
    read = parse(tmp_path, f"{SEVEN},Other\n0\n1\n2\n3\n4\n5\n6\n7\n-1\n")
    assert names(read) == [
        *("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other"),
        None,
    ]
    assert read.valid.tolist() == [True] * 8 + [False] and read.labels.dtype == "int32"
    assert names(parse(tmp_path, "Surprise,Neutral\n0\n1\n")) == ["surprise", "neutral"]


@pytest.mark.parametrize(
    "text",
    [
        f"{SEVEN}\n4\n-1\n",
        f"{SEVEN}\r\n4\r\n-1\r\n",
        f"{SEVEN}\n4\n-1",
        f"{SEVEN}\n4\n-1\n\n \n",
        f"\ufeff{SEVEN}\n 4 \n-1\n",
        f"{SEVEN.replace(',', ', ').lower()}\n4\n-1\n",
    ],
)
def test_ends_of_lines_spaces_and_marks_do_not_matter(tmp_path, text):
    assert names(parse(tmp_path, text)) == ["happiness", None]


def test_a_header_alone_has_no_rows(tmp_path):
    assert parse(tmp_path, SEVEN).labels.shape == (0,)
    assert parse(tmp_path, "AU1,AU2\n", track="au").labels.shape == (0, 12)


def test_units_are_stored_by_name(tmp_path):
    read = parse(tmp_path, "AU26,AU01,au_4\n1,0,1\n-1,1,0\n", track="au")
    assert read.labels[0].tolist() == [0, -1, 1, -1, -1, -1, -1, -1, -1, -1, -1, 1]
    assert read.labels[1].tolist() == [1, -1, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1]
    assert read.valid.tolist() == [True, False] and read.left_out == ()


def test_a_unit_without_a_column_is_named_and_does_not_count(tmp_path):
    read = parse(tmp_path, "AU1,AU20\n1,-1\n-1,1\n", track="au")
    assert read.left_out == ("AU20",) and read.valid.tolist() == [True, False]
    assert read.labels[:, 0].tolist() == [1, -1] and (read.labels[:, 1:] == -1).all()


@pytest.mark.parametrize(
    ("track", "text", "message"),
    [
        ("expr", "", "the file is empty"),
        ("expr", "4\n4\n", "line 1 is no header of expressions, '4' is not one"),
        ("expr", "Neutral,Contempt\n0\n", "line 1 is no header of expressions, 'Contempt'"),
        ("expr", "Happy,Happiness\n0\n", "names something twice"),
        ("expr", f"{SEVEN}\n6\n7\n", "line 3 is '7' .* whole number from -1 to 6"),
        ("expr", f"{SEVEN}\n-2\n", "line 2 is '-2'"),
        ("expr", f"{SEVEN}\n1\n\n2.0\n3\n", r"line 3 \(and 1 more lines\) is ''"),
        ("expr", f"{SEVEN}\n1,2\n", "line 2 is '1,2'"),
        ("expr", b"\xff\xfe\x00", "cannot be read as text"),
        ("au", f"{SEVEN}\n1\n", "line 1 is no header of action units, 'Neutral'"),
        ("au", "AU1,AU01\n1,1\n", "names something twice"),
        ("au", "AU1,AU2\n1\n", "line 2 is '1' .* 2 whole numbers from -1 to 1"),
        ("au", "AU1,AU2\n1,2\n", "line 2 is '1,2'"),
    ],
)
def test_what_is_no_annotation_file_is_refused_with_its_line(tmp_path, track, text, message):
    with pytest.raises(AnnotationError, match=message):
        parse(tmp_path, text, track=track)


def test_a_file_that_is_absent_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match="cannot be read as text"):
        read(tmp_path / "absent.txt", track="au")
