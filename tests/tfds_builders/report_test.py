import json
from pathlib import Path

import pytest

from dfer_jax.labels import CLASSES
from tfds_builders import report
from tfds_builders.dfew.clips import EXPECTED
from tfds_builders.frames import Clip, EncodedClip, Listing
from tfds_builders.single_pass import Findings, SinglePass
from tfds_builders.tree import Tree


@pytest.fixture
def state():
    """A build with exactly the published counts of DFEW."""
    listing = Listing()
    for split, row in EXPECTED.items():
        for label, number in zip(CLASSES, row, strict=True):
            for _ in range(number):
                clip_id = f"{len(listing.clips) + 1:05d}"
                listing.clips.append(Clip(clip_id, split, label, Path(clip_id), ("1.jpg",) * 20))
    return SinglePass("DFEW", Tree(Path("/")), listing, tuple(EXPECTED), EXPECTED)


def test_expected_counts_are_those_of_the_release():
    assert [sum(row) for row in EXPECTED.values()] == [2341, 2341, 2340, 2339, 2336]
    columns = zip(*EXPECTED.values(), strict=True)
    assert [sum(column) for column in columns] == [2445, 1894, 2669, 2173, 1469, 145, 902]


def test_the_published_counts_give_no_warning(state):
    assert report.warning_lines(state) == []


def test_other_counts_give_a_warning_with_numbers(state):
    del state.listing.clips[0]
    (warning,) = report.warning_lines(state)
    assert warning == "clips differ from the published counts (fd1 2,340 for 2,341)"


def test_a_class_count_alone_also_warns(state):
    first = state.listing.clips[0]
    state.listing.clips[0] = Clip(first.id, "fd1", CLASSES[1], first.path, first.frames)
    (warning,) = report.warning_lines(state)
    assert "fd1 2,341 for 2,341" in warning
    assert "488 (489)" in report.summary(state)


def test_many_classes_are_lines():
    names = [f"class {number}" for number in range(13)]
    counts = {"train": list(range(13)), "test": [1] * 13}
    plain = report.count_table(counts, {}, classes=names).splitlines()
    assert [line.split() for line in plain[:2]] == [
        ["class", "all", "train", "test"], ["all", "91", "78", "13"],
    ]  # fmt: skip
    assert plain[-1].split() == ["class", "12", "13", "12", "1"] and len(plain) == 15
    published = {"train": [*range(12), 20], "test": [1] * 13}
    lines = report.count_table(counts, published, classes=names).splitlines()
    assert "91 (99)" in lines[1] and "12 (20)" in lines[-1] and "(" not in lines[2]


def test_no_published_counts_no_comparison(state):
    state.expected = {}
    del state.listing.clips[0]
    assert report.warning_lines(state) == []
    assert "expected" not in report.summary(state) and "2,340" in report.summary(state)


def test_each_kind_of_finding_is_counted_and_listed(state):
    state.listing.absent = [f"{clip:05d}" for clip in range(1, 31)]
    state.listing.gaps = ["00031 (1 numbers up to 9)"]
    state.listing.not_frames = ["00032/notes.txt"]
    state.findings.mixed = ["00040"]
    state.warnings = ["something of this release"]
    lines = report.warning_lines(state)
    assert [line.split(":")[0] for line in lines] == [
        "something of this release",
        "30 listed clips are missing and were left out",
        "1 clips have gaps in their frame numbers",
        "1 files in clip folders are no images and were left out",
        "1 clips have frames of different sizes",
    ]
    assert "00020" in lines[1] and "00021" not in lines[1] and "and 10 more" in lines[1]


def test_metadata_is_json(state):
    state.facts = {"form": "full"}
    clip = state.listing.clips[0]
    state.findings.note(EncodedClip(clip, [b""] * 3, {(224, 224), (256, 256)}, []))
    facts = report.metadata(state)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["num_clips"] == 11697 and facts["num_frames"] == 3 and facts["form"] == "full"
    assert facts["clips_by_frame_size"] == {"224x224": 1, "256x256": 1}
    assert facts["clips_below_16_frames"] == facts["clips_of_mixed_size"] == ["00001"]


def test_findings_survive_a_file_and_add_up(state, tmp_path):
    found, clip = Findings(), state.listing.clips[0]
    found.note(EncodedClip(clip, [b""] * 20, {(32, 48)}, ["damaged"]))
    found.write(tmp_path / "findings.json")
    again = Findings.read(tmp_path / "findings.json")
    assert again == found
    again.add(found)
    assert again.num_frames == 40 and again.sizes == {"32x48": 2}
    assert again.damaged == ["damaged"] * 2
