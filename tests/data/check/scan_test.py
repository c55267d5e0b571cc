import dataclasses
import shutil

import damaged_dfew
import dfew_tree
import ferv39k_tree
import numpy as np
import pytest
import tensorflow_datasets as tfds
from video_files import write_video

from dfer_jax.data.check import scan as check_scan
from dfer_jax.data.check.download import check_download
from dfer_jax.data.check.report import as_text
from dfer_jax.errors import UserError
from tfds_builders import build


def lines(result, kind):
    return "\n".join(
        item for finding in result.findings if finding.kind == kind for item in finding.items
    )


def faults(result):
    return sorted(item for finding in result.of("fault") for item in finding.items)


def check(root, name, **options):
    return check_download(name, str(root), processes=1, **options)


def problems_of_builder(name, root, data_dir):
    """Builds; returns what the builder refused, sorted, none if it built."""
    builder_class, config = build.find_builder(name)
    builder = builder_class(data_dir=data_dir, **({"config": config} if config else {}))
    try:
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    except UserError:
        assert builder._pass.problems
    return sorted(builder._pass.problems)


def film(clip, frames, *, start=1):
    """Returns the pictures of a textured video."""
    numbers = range(start, start + frames)
    return [damaged_dfew.picture(clip, number, side=96) for number in numbers]


@pytest.fixture
def original(tmp_path):
    """DFEW's videos; clip 8 of fold 4 is a cut of clip 7 of fold 3, with another label."""
    clips = [dfew_tree.Clip(n, 18, n % 7 + 1, n % 5 + 1) for n in range(5, 11)]
    root = tmp_path / "release"
    for clip in clips:
        path = dfew_tree.video_path(root, clip.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = film(7, 15, start=3) if clip.id == 8 else film(clip.id, 18)
        write_video(path, shown)
    dfew_tree.write_lists(root, clips)
    return root


def test_sound_videos(original, tmp_path):
    quick = check(original, "dfew/original")
    assert quick.can_be_built and quick.leaks.compared == 0
    assert "6 clips were not compared, --thorough compares videos too" in as_text(quick)
    thorough = check(original, "dfew/original", thorough=True)
    assert thorough.can_be_built and thorough.leaks.compared == 6
    (leak,) = thorough.leaks.pairs
    assert (leak.first.id, leak.second.id, leak.same_label) == ("00007", "00008", False)
    assert problems_of_builder("dfew/original", original, tmp_path / "data") == []
    assert sorted(scan.length for scan in quick.scans) == [15, 18, 18, 18, 18, 18]
    assert [scan.num_frames for scan in thorough.scans] == [18, 18, 18, 15, 18, 18]


def test_damaged_videos_are_those_the_builder_refuses(original, tmp_path):
    paths = {clip: dfew_tree.video_path(original, clip) for clip in range(5, 11)}
    paths[5].write_bytes(b"")
    paths[6].write_bytes(b"text " * 100)
    paths[7].write_bytes(paths[7].read_bytes()[:-200])  # the index is at the end
    paths[9].unlink()
    middle = bytearray(paths[10].read_bytes())
    middle[len(middle) // 4 : len(middle) // 2] = bytes(len(middle) // 2 - len(middle) // 4)
    paths[10].write_bytes(bytes(middle))
    shutil.copy(paths[8], paths[8].with_name("12.mp4"))
    thorough = check(original, "dfew/original", thorough=True)
    assert faults(thorough) == problems_of_builder("dfew/original", original, tmp_path / "data")
    for result in (check(original, "dfew/original"), thorough):
        assert "00005 (5.mp4): the file is empty" in lines(result, "empty_file")
        assert "00006 (6.mp4)" in "\n".join(faults(result))
        assert "00007 (7.mp4): an MP4 file without an index" in lines(result, "truncated")
        assert "clip 00009: no video" in lines(result, "missing_clip")
        assert "12.mp4" in lines(result, "unlisted")
    assert "00010 (10.mp4)" in lines(thorough, "truncated")


def ferv_tree(root):
    """Writes textured FERV39k clips of two classes; test clips are other than train clips."""
    clips = [
        ferv39k_tree.Clip("Action", word, number, 8, "test" if number % 3 == 2 else "train")
        for word in ("Happy", "Fear")
        for number in range(6)
    ]
    ferv39k_tree.write_tree(root, clips)
    for place, clip in enumerate(clips):
        folder = ferv39k_tree.clip_folder(root, clip)
        for number, path in enumerate(sorted(folder.glob("[0-9]*.jpg"))):
            path.write_bytes(damaged_dfew.encode(damaged_dfew.picture(100 + place, number)))
    return clips


def test_ferv39k(tmp_path):
    root = tmp_path / "release"
    clips = ferv_tree(root)
    for name in ("ferv39k", "ferv39k/Action"):
        sound = check(root, name)
        assert {finding.kind for finding in sound.findings} <= {"counts", "short_clip"}
        assert sound.can_be_built and sound.leaks.compared == 12
    folders = [ferv39k_tree.clip_folder(root, clip) for clip in clips]
    shutil.copytree(folders[0], folders[0].with_name("0006"))
    shutil.copytree(folders[0], folders[0].with_name("0001 - Copy"))
    (folders[1] / "03.jpg").write_bytes(b"")
    shutil.rmtree(folders[4])
    for number, path in enumerate(sorted(folders[11].glob("[0-9]*.jpg"))):
        path.write_bytes((folders[0] / f"{number:02d}.jpg").read_bytes())
    with open(ferv39k_tree.list_path(root, "test"), "a") as file:
        file.write("Action/Happy/0002 Sad\nAction/Happy/0000 Happy\n")
    result = check(root, "ferv39k")
    assert "Action/Happy/0001/03.jpg: the file is empty" in lines(result, "empty_file")
    assert "clip Action/Happy/0004: no folder" in lines(result, "missing_clip")
    assert "clip Action/Happy/0002 is already in line" in lines(result, "duplicate_row")
    assert "clip Action/Happy/0000 is in the lists of" in lines(result, "lists_disagree")
    assert "Action/Happy/0006" in lines(result, "unlisted")
    assert "0001 - Copy" in lines(result, "misnamed_folder")
    assert lines(result, "leak") == (
        "Action/Fear/0005 (test, fear) = Action/Happy/0000 (train, happiness), distance 0"
        "  DIFFERENT LABELS"
    )
    assert faults(result) == problems_of_builder("ferv39k", root, tmp_path / "data")


def test_ones_own_videos(tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    rows = ["path,label,split"]
    for number in range(8):
        write_video(root / f"v{number}.mp4", film(number, 16))
        label, split = ("happy", "sad")[number % 2], "test" if number > 5 else "train"
        rows.append(f"v{number}.mp4,{label},{split}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    name = "video_folder/mine"
    assert check(root, name, thorough=True).can_be_built
    shutil.copy(root / "v0.mp4", root / "v7.mp4")
    (root / "v3.mp4").write_bytes(b"")
    (root / "labels.csv").write_text("\n".join([*rows, "v9.mp4,glad,train"]) + "\n")
    result = check(root, name, thorough=True)
    assert "v0 (train, happy) = v7 (test, sad), distance 0  DIFFERENT" in lines(result, "leak")
    assert "v3.mp4: the file is empty" in lines(result, "empty_file")
    assert not result.can_be_built
    assert faults(result) == problems_of_builder(name, root, tmp_path / "data")


def test_the_16_frame_form(tmp_path):
    clips = [dfew_tree.Clip(n, 16, n % 7 + 1, n % 5 + 1) for n in range(1, 7)]
    dfew_tree.write_tree(tmp_path, clips, form="f16")
    result = check(tmp_path, "dfew/f16")
    assert result.can_be_built and result.state.release == "DFEW (f16)"
    assert "build dfew/f16" in lines(check(tmp_path, "dfew/full"), "release")


def test_processes_change_nothing(tmp_path, monkeypatch):
    damaged_dfew.write(tmp_path)
    damaged_dfew.copy_of(tmp_path, 22, 25)
    damaged_dfew.FAULTS["truncated"].apply(tmp_path)
    alone = check(tmp_path, "dfew/full")
    monkeypatch.setattr(check_scan, "_FEW_FRAMES", 10)
    several = check_download("dfew/full", str(tmp_path), processes=2)
    assert several.findings == alone.findings and len(alone.leaks.pairs) == 1
    for one, other in zip(alone.scans, several.scans, strict=True):
        first, second = (dataclasses.asdict(scan) for scan in (one, other))
        assert (first.pop("samples") == second.pop("samples")).all()
        assert first == second


def test_a_damaged_frame_that_is_sampled_is_told_once_and_has_no_hash(tmp_path):
    damaged_dfew.write(tmp_path)
    path = damaged_dfew.frame(tmp_path, 14, 1 + 16 // 16)
    path.write_bytes(path.read_bytes()[:-300] + b"\xff\xd9")
    result = check(tmp_path, "dfew/full")
    (place,) = [i for i, clip in enumerate(result.state.listing.clips) if clip.id == "00014"]
    assert len(result.scans[place].damaged) == 1
    assert not result.scans[place].samples[0].any() and result.scans[place].samples[1].any()
    hashes = check_scan.hash_clip(result.state.listing.clips[place])
    assert hashes.shape == (15, 4) and hashes.dtype == np.uint64
