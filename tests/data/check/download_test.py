import functools
import json
import os
import shutil

import damaged_dfew
import pytest
import tensorflow_datasets as tfds
from damaged_dfew import FAULTS, REMARKS

from dfer_jax.data.check.download import check_download
from dfer_jax.data.check.report import as_json, as_text
from dfer_jax.errors import UserError
from tfds_builders.dfew.dfew_dataset_builder import Builder


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp("sound") / "release"
    damaged_dfew.write(root)
    return root


@pytest.fixture
def root(sound, tmp_path):
    """A tree of the release that a test may damage."""
    return shutil.copytree(sound, tmp_path / "release")


def check(root, *, name="dfew/full", **options):
    return check_download(name, str(root), processes=1, **options)


def lines(result, kind):
    return "\n".join(
        item for finding in result.findings if finding.kind == kind for item in finding.items
    )


def faults(result):
    return sorted(item for finding in result.of("fault") for item in finding.items)


def problems_of_builder(root, data_dir):
    """Builds; returns what the builder refused, sorted, none if it built."""
    builder = Builder(config="full", data_dir=data_dir)
    config = tfds.download.DownloadConfig(manual_dir=root)
    try:
        builder.download_and_prepare(download_config=config)
    except UserError:
        assert builder._pass.problems
    return sorted(builder._pass.problems)


def test_a_sound_tree_has_no_fault(sound, tmp_path):
    before = sorted(path.stat().st_mtime_ns for path in sound.rglob("*"))
    for thorough in (False, True):
        result = check(sound, thorough=thorough)
        assert [finding.kind for finding in result.findings] == ["counts"]
        assert result.can_be_built and result.leaks.compared == len(damaged_dfew.CLIPS)
    assert sorted(path.stat().st_mtime_ns for path in sound.rglob("*")) == before
    assert problems_of_builder(sound, tmp_path / "data") == []


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named_and_refused_by_the_builder(root, tmp_path, name):
    damage = FAULTS[name]
    damage.apply(root)
    result = check(root)
    assert damage.text in lines(result, damage.kind)
    assert not result.can_be_built
    assert faults(result) == problems_of_builder(root, tmp_path / "data")


@pytest.mark.parametrize("name", REMARKS)
def test_every_remark_is_named_and_built_by_the_builder(root, tmp_path, name):
    damage = REMARKS[name]
    damage.apply(root)
    result = check(root)
    assert damage.text in lines(result, damage.kind)
    assert result.can_be_built
    assert problems_of_builder(root, tmp_path / "data") == []


@pytest.mark.parametrize("thorough", [False, True])
def test_all_damages_at_once_are_all_named(root, tmp_path, thorough):
    everything = FAULTS | REMARKS
    for damage in everything.values():
        damage.apply(root)
    result = check(root, thorough=thorough)
    missed = [name for name, d in everything.items() if d.text not in lines(result, d.kind)]
    assert missed == []
    assert faults(result) == problems_of_builder(root, tmp_path / "data")


def test_damage_in_the_middle_is_seen_by_the_thorough_check(root):
    path = damaged_dfew.frame(root, 11, 4)
    path.write_bytes(path.read_bytes()[:-400] + b"\xff\xd9")
    assert check(root).can_be_built
    found = check(root, thorough=True)
    assert "00011/00011_00004.jpg: truncated" in lines(found, "truncated")
    sampled = damaged_dfew.frame(root, 12, 1 + 18 // 2)  # quick mode decodes the middle frame
    sampled.write_bytes(sampled.read_bytes()[:-400] + b"\xff\xd9")
    assert sampled.name in lines(check(root), "truncated")


def test_folders_and_files_that_cannot_be_read(root, monkeypatch):
    hidden = damaged_dfew.folder(root, 18)
    locked = damaged_dfew.frame(root, 19, 4)
    if os.geteuid():
        hidden.chmod(0)
        locked.chmod(0)
    else:  # nothing is locked for root
        monkeypatch.setattr(os, "scandir", _refusing(os.scandir, hidden))
        monkeypatch.setattr(os, "open", _refusing(os.open, locked))
    result = check(root)
    told = lines(result, "unreadable")
    hidden.chmod(0o755)
    assert "00018: cannot be read (Permission denied)" in told
    assert "00019/00019_00004.jpg: cannot be read (Permission denied)" in told


def _refusing(function, path):
    def refuse(given, *args, **kwargs):
        if str(given) == str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return function(given, *args, **kwargs)

    return refuse


def test_missing_clips_may_be_allowed(root, tmp_path):
    FAULTS["missing clip"].apply(root)
    result = check(root, allow_missing=True)
    assert result.can_be_built and lines(result, "missing_left_out") == "00026"
    assert result.next_command.endswith("--allow_missing")


def test_what_stops_the_builder_at_once_is_told_with_the_rest(root):
    clips = [damaged_dfew.dfew_tree.Clip(3201 + i, 1, 1, i % 5 + 1) for i in range(120)]
    damaged_dfew.dfew_tree.write_lists(root, damaged_dfew.CLIPS + clips)
    FAULTS["zero bytes"].apply(root)
    result = check(root)
    assert "is half extracted" in lines(result, "release")
    assert "clip 03320 is not there" in lines(result, "missing_clip")
    assert FAULTS["zero bytes"].text in lines(result, "empty_file")


def test_a_list_that_is_a_link_out_is_told_though_nothing_else_can_be(root, tmp_path):
    outside = tmp_path / "set_4.csv"
    shutil.move(damaged_dfew.list_file(root, 4), outside)
    damaged_dfew.list_file(root, 4).symlink_to(outside)
    result = check(root)
    assert f"set_4.csv: a link to {outside}, outside manual_dir" in lines(result, "release")
    assert not result.can_be_built


def test_a_folder_without_the_release_is_one_fault(tmp_path):
    (tmp_path / "a").mkdir()
    result = check(tmp_path / "a")
    assert "no DFEW clip folders" in lines(result, "release") and not result.can_be_built
    assert "will not build (1 fault)" in as_text(result)
    assert json.loads(as_json(result))["num_faults"] == 1
    with pytest.raises(UserError, match="does not exist: pass the folder"):
        check(tmp_path / "b")
    with pytest.raises(UserError, match="rendered, not downloaded"):
        check(tmp_path / "a", name="synthetic_dfer/tiny")


def test_text_is_short_and_json_complete(root):
    for number in range(1, 17):
        damaged_dfew.frame(root, 14, number).write_bytes(b"")
    result = check(root)
    text = as_text(result)
    assert "fault: 16 files are empty" in text and "... and 6 more (all by --json FILE)" in text
    assert text.splitlines()[-2] == "verdict: will not build (16 faults)"
    assert text.splitlines()[-1].startswith("next: mend the faults, then dfer check dfew/full ")
    told = json.loads(as_json(result))
    assert [len(f["items"]) for f in told["findings"] if f["kind"] == "empty_file"] == [16]
    assert told["frames"]["frames_per_clip"]["max"] == 21
    assert told["clips"]["found"]["fd1"] == [0, 1, 1, 0, 1, 0, 1]
    assert sum(told["layout"]["clips_by_folder"].values()) == len(damaged_dfew.CLIPS)


def test_odd_bytes_in_file_names_are_shown_escaped(root):
    odd = os.fsencode(damaged_dfew.folder(root, 13)) + b"/\xff\x1b[31mface.jpg"
    shutil.copy(os.fsencode(damaged_dfew.frame(root, 13, 2)), odd)
    result = check(root)
    text = as_text(result)
    assert "\\udcff\\x1b[31mface.jpg: has no frame number" in text
    text.encode()
    assert "\udcff\x1b[31mface.jpg" in json.loads(as_json(result))["findings"][0]["items"][0]


def test_command_line_exit_codes_and_json(root, tmp_path, commands):
    run_check = functools.partial(commands.run, "dfer_jax.data.check")
    done = run_check("dfew/full", "--manual_dir", root, "--json", tmp_path / "a.json")
    assert done.returncode == 0 and "verdict: will build with warnings (1 kind)" in done.stdout
    assert json.loads((tmp_path / "a.json").read_text())["can_be_built"] is True
    FAULTS["truncated"].apply(root)
    refused = run_check("dfew/full", "--manual_dir", root, "--json", "-")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert json.loads(refused.stdout)["verdict"] == "will not build (1 fault)"
    inside = run_check("dfew/full", "--manual_dir", root, "--json", root / "a.json")
    assert inside.returncode == 1 and "is inside manual_dir, which is only read" in inside.stderr
    assert run_check("dfew/full").returncode == 2
