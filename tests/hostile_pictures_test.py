"""Everything that opens a picture refuses a large promise before memory is committed."""

import subprocess
import sys
from pathlib import Path

from encoded_pictures import jpeg_promising, png_promising

SIZE = "65500 x 65500 pixels; more than 8192 a side"
OPENERS = {
    "decoder of training": (
        "from dfer_jax.data.decode import decode_frames; import numpy as np\n"
        "decode_frames([data], np.array([0]), size=64, clip='a')",
        "frame 0 (counted from 0) of clip a is too large (" + SIZE,
    ),
    "builders": (
        "from tfds_builders.images import read_image\nread_image(path)",
        SIZE,
    ),
    "quick check": (
        "from dfer_jax.data.check.frames import check_quickly\ncheck_quickly(path)",
        SIZE,
    ),
    "thorough check": (
        "from dfer_jax.data.check.frames import check_thoroughly\ncheck_thoroughly(path)",
        SIZE,
    ),
    "hash of a frame": (
        "from dfer_jax.data.check.frames import hash_image\nhash_image(data)",
        SIZE,
    ),
    "filmstrips": (
        "from dfer_jax.clips.report.filmstrips import _small\n_small(data + bytes(9000), 'a')",
        "a frame of clip 'a' is no readable picture (" + SIZE,
    ),
}
SCRIPT = """
import sys
from pathlib import Path
from benchmarks.peak_memory import peak_bytes
from dfer_jax.errors import UserError
from tfds_builders import images
import dfer_jax.data.check.frames, dfer_jax.data.decode, dfer_jax.clips.report.filmstrips
openers = {openers!r}
for path in map(Path, sys.argv[1:]):
    data = path.read_bytes()
    for name, (code, why) in openers.items():
        before = peak_bytes()
        try:
            exec(code, {{"data": data, "path": path}})
        except (UserError, ValueError) as error:
            assert why in str(error), (name, path, error)
        else:
            raise AssertionError(f"{{name}} takes {{path}}")
        grown = peak_bytes() - before
        assert grown < 50e6, (name, path, grown)
"""


def test_every_opener_refuses_before_memory_is_committed(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg_promising(65500, 65500))
    (tmp_path / "a.png").write_bytes(png_promising(65500, 65500))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SCRIPT.format(openers=OPENERS),
            tmp_path / "a.jpg",
            tmp_path / "a.png",
        ],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
