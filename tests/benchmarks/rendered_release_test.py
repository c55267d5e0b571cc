import csv

import cv2
import numpy as np

from benchmarks.input import rendered_release


def test_release_has_dfews_layout_and_realistic_files(tmp_path):
    folders = rendered_release.write_release(tmp_path, count=6, frames=17, side=224)
    assert [folder.name for folder in folders] == [f"{number:05d}" for number in range(1, 7)]
    for folder in folders:
        files = sorted(folder.iterdir())
        assert [file.name for file in files] == [f"{folder.name}_{i:05d}.jpg" for i in range(1, 18)]
        assert 8_000 < np.mean([file.stat().st_size for file in files]) < 25_000
    lists = tmp_path / "EmoLabel_DataSplit" / "test(single-labeled)"
    listed = []
    for fold in range(1, 6):
        header, *rows = csv.reader((lists / f"set_{fold}.csv").read_text().splitlines())
        assert header == ["video_name", "label"]
        listed += [(int(number), int(label)) for number, label in rows]
    assert sorted(listed) == [(number, number) for number in range(1, 7)]


def test_clips_of_one_person_differ_by_their_grain():
    first, other = rendered_release.jpeg_clips(count=2, frames=17, side=112, people=1)
    pictures = [cv2.imdecode(np.frombuffer(clip[0], np.uint8), 1) for clip in (first, other)]
    difference = np.abs(pictures[0].astype(int) - pictures[1])
    assert pictures[0].shape == (112, 112, 3) and 0.5 < difference.mean() < 5
