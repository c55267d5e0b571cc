import os
import signal
import subprocess
import sys
import textwrap
import time

import dfew_tree
import pytest

from dfer_jax.errors import UserError
from tfds_builders import build, replacing

# Builds DFEW but hangs once the first clip has been read: a build caught half way.
HANGING = textwrap.dedent(
    """
    import sys, time
    from tfds_builders import build, single_pass

    read = single_pass.read_clips

    def one_then_hang(clips, *, pool):
        yield next(read(clips, pool=pool))
        print("half way", flush=True)
        time.sleep(600)

    single_pass.read_clips = one_then_hang
    build.build("dfew/full", data_dir=sys.argv[1], manual_dir=sys.argv[2], overwrite=True)
    """
)


@pytest.fixture
def release(tmp_path):
    clips = [dfew_tree.Clip(clip, 3, clip % 7 + 1, clip % 5 + 1) for clip in range(1, 11)]
    dfew_tree.write_tree(tmp_path / "release", clips)
    return tmp_path / "release"


def killed_half_way(data_dir, release, while_running=lambda: None):
    """Starts a build in a process of its own and kills it in the middle."""
    command = [sys.executable, "-c", HANGING, data_dir, release]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert b"half way" in process.stdout.readline()
        while_running()
        process.send_signal(signal.SIGKILL)


def test_a_killed_build_leaves_nothing_and_the_next_tidies_up(release, tmp_path):
    data = tmp_path / "data"
    killed_half_way(data, release)
    assert list(data.glob("dfew/full/incomplete.*")) and not list(data.glob("dfew/full/1*"))
    _, built = build.build("dfew/full", data_dir=str(data), manual_dir=str(release))
    assert built and not list(data.glob("dfew/full/incomplete.*"))


def test_what_is_left_beside_all_configurations_goes_when_none_is_being_built(tmp_path):
    one, other = (tmp_path / "set" / name / "1.0.0" for name in ("one", "other"))
    left = tmp_path / "set" / ".config" / "incomplete.0.metadata.json"
    left.parent.mkdir(parents=True)
    with replacing.locked(other):
        left.write_text("{}")
        with replacing.locked(one):
            assert left.exists(), "the other build may be writing it"
    with replacing.locked(one):
        assert not left.exists(), "nobody writes it"


def test_a_killed_replacement_brings_the_old_one_back(release, tmp_path):
    data = tmp_path / "data"
    builder, _ = build.build("dfew/full", data_dir=str(data), manual_dir=str(release))
    (builder.data_path / "mark").write_text("the old one")
    killed_half_way(data, release)
    assert not (builder.data_path / "mark").exists()
    builder, built = build.build("dfew/full", data_dir=str(data), manual_dir=str(release))
    assert not built and (builder.data_path / "mark").read_text() == "the old one"
    names = {path.name for path in (data / "dfew/full").iterdir()}
    assert names == {builder.data_path.name, ".building"}


def test_two_builds_at_once_are_refused_and_harm_nothing(release, tmp_path):
    data = tmp_path / "data"

    def build_too():
        with pytest.raises(UserError, match="another process is building"):
            build.build("dfew/full", data_dir=str(data), manual_dir=str(release))
        assert list(data.glob("dfew/full/incomplete.*"))

    killed_half_way(data, release, build_too)


def test_a_finished_replacement_forgets_the_old_one(tmp_path):
    built = tmp_path / "1.0.0"
    for content in ("old", "new"):
        with replacing.locked(built), replacing.set_aside(built):
            built.mkdir()
            (built / "data").write_text(content)
    assert (built / "data").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == [".building", "1.0.0"]


def test_the_lock_ends_with_the_block(tmp_path):
    start = time.monotonic()
    for _ in range(2):
        with replacing.locked(tmp_path / "1.0.0"):
            pass
    assert time.monotonic() - start < 30
