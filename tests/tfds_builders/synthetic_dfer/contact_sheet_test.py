"""The picture by which expressions are judged by eye."""

import cv2

SHEET = "tfds_builders.synthetic_dfer.contact_sheet"


def test_clips_are_drawn_one_a_row(commands, tmp_path):
    path = tmp_path / "clips.png"
    done = commands.run(SHEET, f"--out={path}", "--clips=2")
    assert done.returncode == 0, done.stderr
    sheet = cv2.imread(str(path))
    height, width = sheet.shape[:2]
    assert done.stdout == f"wrote {path} ({width} x {height} pixels)\n"
    assert height % 2 == 0 and width % 10 == 0  # ten frames of each
    top, bottom = sheet[: height // 2], sheet[height // 2 :]
    assert abs(top.astype(float) - bottom).mean() > 5


def test_a_place_that_cannot_be_written_is_one_sentence(commands, tmp_path):
    done = commands.run(SHEET, f"--out={tmp_path / 'none' / 'x.png'}", "--clips=1")
    assert done.returncode == 1 and "cannot write" in done.stderr
