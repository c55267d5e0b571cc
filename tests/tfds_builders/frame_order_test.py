import random

import pytest

from tfds_builders.frame_order import order_frames


def shuffled(names):
    mixed = list(names)
    random.Random(0).shuffle(mixed)
    return mixed


@pytest.mark.parametrize(
    "names",
    [
        ["1.jpg", "2.jpg", "10.jpg"],
        ["img (1).jpg", "img (2).jpg", "img (12).jpg"],
        ["img(1).jpg", "img(2).jpg", "img(12).jpg"],
        ["frame[1].png", "frame[10].png"],
        ["00017_00001.jpg", "00017_00002.jpg", "00017_00010.jpg"],
        [f"frame_det_00_{number:06d}.bmp" for number in range(1, 12)],
        ["take1.0001.png", "take1.0002.png", "take1.0010.png"],
        ["0.jpg", "\u00e9 -1.jpg", "%2.png", "#3.jpg"],
        ["c1_f1.jpg", "c1_f2.jpg", "c2_f3.jpg"],  # both numbers agree
    ],
)
def test_numbers_at_the_end_order_the_frames(names):
    ordered = order_frames(shuffled(names))
    assert ordered.names == names and not ordered.wrong and not ordered.unclear
    assert len(ordered.numbers) == len(names)


@pytest.mark.parametrize(
    "names",
    [
        ["0.04.jpg", "0.08.jpg", "0.1.jpg", "0.12.jpg", "0.2.jpg", "1.0.jpg", "10.5.jpg"],
        ["0.00.png", "0.04.png", "0.08.png", "0.20.png"],
        ["t_0.5s.png", "t_1.25s.png", "t_12.0s.png"],
        ["0,04.jpg", "0,08.jpg", "1,00.jpg"],
        ["9.500.jpg", "10.000.jpg", "10.500.jpg"],
        ["IMG_20240102_235959.jpg", "IMG_20240103_000001.jpg"],
        ["2024-01-02 12.34.56.jpg", "2024-01-02 12.35.01.jpg", "2024-01-02 13.00.00.jpg"],
        ["PXL_20240102_123456089.jpg", "PXL_20240102_123456789.jpg", "PXL_20240102_123457001.jpg"],
        ["20240102_123456.jpg", "20240102_123456(1).jpg", "20240102_123456(10).jpg",
         "20240102_123459.jpg"],
        ["2024-01-02T12-34-56.5.png", "2024-01-02T12-34-56.75.png", "2024-01-02T12-35-00.1.png"],
        ["vlcsnap-2024-01-02-12h34m56s789.png", "vlcsnap-2024-01-02-12h35m00s001.png"],
        ["WIN_20240102_12_34_56_Pro.jpg", "WIN_20240102_12_35_01_Pro.jpg"],
        ["00-00-59.jpg", "00-01-00.jpg", "01-00-30.jpg"],
        ["a 00_00_59.90.jpg", "a 00_01_00.10.jpg", "a 00_01_00.50.jpg"],
    ],
)  # fmt: skip
def test_seconds_and_time_stamps_order_the_frames(names):
    ordered = order_frames(shuffled(names))
    assert ordered.names == names and not ordered.wrong and not ordered.unclear
    assert ordered.numbers == []  # no gaps to look for


def test_one_time_stamp_before_all_numbers_is_no_order():
    names = [f"20240102_123456_{number}.jpg" for number in (1, 2, 10)]
    assert order_frames(names[::-1]).names == names and order_frames(names).numbers == [1, 2, 10]


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (
            ["face_1_score_90.jpg", "face_2_score_80.jpg", "face_3_score_85.jpg"],
            "which number orders its files is not clear, two change as in face_3_score_85.jpg and "
            "face_1_score_90.jpg; keep one series, or rename them: one number has to count the "
            "frames",
        ),
        (
            [f"frame_det_0{face}_00000{number}.bmp" for face in (0, 1) for number in (1, 2)],
            "two change as in frame_det_01_000001.bmp and frame_det_00_000002.bmp",
        ),
        (["1.5.jpg", "1.10.jpg", "2.1.jpg"], "whether 1.5.jpg comes before 1.10.jpg is not clear"),
        (["2.8.jpg", "2.9.jpg", "2.11.jpg"], "write the numbers with the same number of digits"),
        (["12-34.jpg", "13-20.jpg", "14-50.jpg"], "two change as in 13-20.jpg and 12-34.jpg"),
    ],
)
def test_an_order_is_never_guessed(names, why):
    ordered = order_frames(shuffled(names))
    assert why in ordered.unclear and not ordered.names


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (["1.jpg", "01.jpg", "2.jpg"], {"01.jpg": "has the frame number of 1.jpg"}),
        (
            ["5.jpg", "6.jpg", "5 (1).jpg"],
            {"5 (1).jpg": "has no frame number at the end of its name"},
        ),
        (["1.jpg", "cover.jpg"], {"cover.jpg": "has no frame number at the end of its name"}),
        (
            ["20240102_123456.jpg", "20240102_123457.jpg", "2024-01-02 12.34.56.jpg"],
            {"20240102_123456.jpg": "has the time of 2024-01-02 12.34.56.jpg"},
        ),
        (["0.50.jpg", "0.5.jpg", "0.05.jpg", "1.0.png"], None),
    ],
)
def test_a_file_that_has_no_place_is_told(names, wrong):
    ordered = order_frames(names)
    if wrong is None:
        assert "is not clear" in ordered.unclear
    else:
        assert ordered.wrong == wrong and len(ordered.names) == len(names) - 1
