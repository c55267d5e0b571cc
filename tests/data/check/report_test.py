from pathlib import Path

import pytest

from dfer_jax.data.check.findings import Finding, sort_faults
from dfer_jax.data.check.report import as_text, distribution
from dfer_jax.data.check.result import Result


def result(*findings, **options):
    options = {"thorough": False, "allow_missing": False} | options
    return Result("dfew/full", "/data/my films", findings=list(findings), **options)


def finding(severity, *items):
    return Finding(severity, "kind", "things are odd", "mend them", list(items))


def test_distribution():
    assert distribution([]) == {}
    assert distribution([7]) == dict.fromkeys(("min", "p5", "median", "mean", "p95", "max"), 7)
    spread = distribution(list(range(101)))
    assert spread == {"min": 0, "p5": 5, "median": 50, "mean": 50, "p95": 95, "max": 100}


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], "ready to build"),
        ([finding("note", "a")], "ready to build"),
        ([finding("note", "a"), finding("warning", "a", "b")], "will build with warnings (1 kind)"),
        ([finding("fault", "a"), finding("warning", "a")], "will not build (1 fault)"),
        ([finding("fault", "a"), finding("fault", "b", "c")], "will not build (3 faults)"),
    ],
)
def test_the_verdict_is_the_last_line_but_one(findings, verdict):
    told = result(*findings)
    assert told.verdict == verdict
    assert as_text(told).splitlines()[-2] == f"verdict: {verdict}"
    assert told.can_be_built == ("not" not in verdict)


def test_the_next_command_can_be_pasted():
    build = "dfer build dfew/full --manual_dir '/data/my films'"
    assert result().next_command == build
    assert result(allow_missing=True).next_command == build + " --allow_missing"
    again = "mend the faults, then dfer check dfew/full --manual_dir"
    mended = result(finding("fault", "a"), thorough=True).next_command
    assert mended == f"{again} '/data/my films' --thorough"


def test_no_problem_is_left_out_and_each_told_once():
    problems = ["a.jpg: the file is empty", "something nobody has met before", "b.png: cut short"]
    faults = sort_faults(problems * 2)
    assert [(fault.kind, fault.items) for fault in faults] == [
        ("empty_file", ["a.jpg: the file is empty"]),
        ("other", ["something nobody has met before"]),
        ("truncated", ["b.png: cut short"]),
    ]


def test_the_kinds_know_the_words_of_every_builder():
    """Each problem that a builder can state, found in its source, has a kind of its own."""
    folder = Path(__file__).parents[3] / "tfds_builders"
    words = {
        "is a frame of clip": "odd_name",
        "has no frame number at the end": "odd_name",
        "has the frame number of": "duplicate_number",
        "is a link out of manual_dir": "link_out",
        "is already in line": "duplicate_row",
        "unknown clip id": "unknown_clip",
        "has two {kind}": "two_folders",
        "the file is empty": "empty_file",
        "a JPEG image in {colours} colours": "colours",
        "truncated or damaged JPEG image": "truncated",
        "not a JPEG, PNG, BMP or WebP image but": "wrong_type",
        "which number orders its files is not clear": "odd_name",
        "has the time of": "odd_name",
        "is transparent; put it on a ground": "colours",
        "a 16-bit image of values": "colours",
        "cannot be read (": "unreadable",
        "no image in its folder": "empty_clip",
        "the file is larger than": "too_large",
    }
    source = "".join(path.read_text() for path in sorted(folder.rglob("*.py")))
    for text, kind in words.items():
        assert text in source, f"no builder says {text!r} any more: change the pattern of {kind}"
        said = text.replace("{colours}", "CMYK").replace("{kind}", "folders")
        (fault,) = sort_faults([f"x: {said}"])
        assert fault.kind == kind


def test_a_table_of_ones_own_is_mended_not_extracted():
    problems = [
        "labels.csv, line 2: label 'hapy' is close to 'happy'; mend it, or state all classes",
        "labels.csv: 3 of 3 paths lack the suffix of their file (line 2: a for a.mp4)",
        "labels.csv, line 9: a.mp4 is already in line 2",
    ]
    table, row = sort_faults(problems, own="mend labels.csv and the clips")
    assert (table.kind, table.items) == ("table", problems[:2])
    assert table.advice == "mend them in the table"
    assert (row.kind, row.advice) == ("duplicate_row", "mend labels.csv and the clips")
    assert "release" in sort_faults(problems[2:])[0].advice
