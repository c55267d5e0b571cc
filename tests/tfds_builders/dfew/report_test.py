import collections
import json
from pathlib import Path

from tfds_builders.dfew import report
from tfds_builders.dfew.clips import Clip, Listing
from tfds_builders.dfew.lists import Entry


def full_listing():
    """A listing with exactly the published counts."""
    listing = Listing()
    for fold, row in report.EXPECTED.items():
        for label, number in enumerate(row, 1):
            for _ in range(number):
                clip_id = f"{len(listing.clips) + 1:05d}"
                frames = ("1.jpg",) * 20
                listing.clips.append(Clip(clip_id, Entry(fold, label), Path(clip_id), frames))
    return listing


def test_expected_counts_are_those_of_the_release():
    assert [sum(row) for row in report.EXPECTED.values()] == [2341, 2341, 2340, 2339, 2336]
    columns = zip(*report.EXPECTED.values(), strict=True)
    assert [sum(column) for column in columns] == [2445, 1894, 2669, 2173, 1469, 145, 902]


def test_the_published_counts_give_no_warning():
    assert report.warning_lines(full_listing(), form="full", mixed=[]) == []


def test_other_counts_give_a_warning_with_numbers():
    listing = full_listing()
    del listing.clips[0]
    (warning,) = report.warning_lines(listing, form="full", mixed=[])
    assert warning == "clips differ from the published counts (fd1 2,340 for 2,341)"


def test_a_class_count_alone_also_warns():
    listing = full_listing()
    first = listing.clips[0]
    listing.clips[0] = Clip(first.id, Entry(1, 2), first.folder, first.frames)
    (warning,) = report.warning_lines(listing, form="full", mixed=[])
    assert "fd1 2,341 for 2,341" in warning
    assert "488 (489)" in report.count_table(listing.clips)


def test_each_kind_of_finding_is_counted_and_listed():
    listing = full_listing()
    listing.absent = [f"{clip:05d}" for clip in range(1, 31)]
    listing.gaps = ["00031 (1 numbers up to 9)"]
    listing.not_frames = ["00032/notes.txt"]
    first = listing.clips[0]
    listing.clips[0] = Clip(first.id, first.entry, first.folder, ("1.jpg",))
    lines = report.warning_lines(listing, form="f16", mixed=["00040"])
    assert [line.split(":")[0] for line in lines] == [
        "30 listed clips are missing and were left out",
        "1 clips have gaps in their frame numbers",
        "1 files in clip folders are no images and were left out",
        "1 clips have frames of different sizes",
        "1 clips have fewer than 16 frames",
    ]
    assert "00020" in lines[0] and "00021" not in lines[0] and "and 10 more" in lines[0]


def test_metadata_is_json():
    listing = full_listing()
    facts = report.metadata(
        listing,
        form="full",
        extra=3,
        sizes=collections.Counter({(224, 224): 2, (256, 256): 5}),
        mixed=[],
        warnings=["w"],
    )
    assert json.loads(json.dumps(facts)) == facts
    assert facts["num_clips"] == 11697 and facts["num_frames"] == 11697 * 20
    assert list(facts["clips_by_frame_size"]) == ["256x256", "224x224"]
