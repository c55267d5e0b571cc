"""Pretrained folders: what is wrong with one is said in a sentence; nothing in it is run."""

import hashlib
import json
import os
import pathlib
import shutil
import struct

import numpy as np
import pytest
import saved_weights
from safetensors.numpy import load_file, save

from dfer_jax.errors import UserError
from dfer_jax.recognition import weights
from dfer_jax.runs import checkpoint
from dfer_jax.runs.pretrained_folder import CARD, CONFIG, FILES, PREPROCESSOR, WEIGHTS


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact") / "out"
    saved_weights.pretrained(folder)
    return folder


@pytest.fixture
def folder(intact, tmp_path):
    return pathlib.Path(shutil.copytree(intact, tmp_path / "copy"))


def seal(folder):
    """Writes the checksums anew, as somebody would who means harm."""
    sums = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in FILES]
    (folder / "checksums.sha256").write_text("".join(sums))


def refusal(folder):
    with pytest.raises(UserError) as caught:
        weights.load([str(folder)])
    said = str(caught.value)
    assert str(folder) in said and "\n" not in said and len(said) < 600, said
    return said


def change(folder, name, **fields):
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    seal(folder)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, PREPROCESSOR])
def test_a_changed_byte_is_found(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    assert f"{name} is not as it was written" in refusal(folder), name


def test_a_changed_card_is_warned_of(folder, caplog):
    (folder / CARD).write_text("# mine\n")
    checkpoint.load_last_weights(str(folder))
    assert "README.md is not as it was written" in caplog.text, "the change was not said"


@pytest.mark.parametrize("name", [*FILES, "checksums.sha256"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert f"{name} is missing" in refusal(folder), name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 2**60) + b'{"params.a":',
        struct.pack("<Q", 2**63 + 5),
        struct.pack("<Q", 90_000_000) + b"{",
        struct.pack("<Q", 2) + b"[]",
        save({"params.a": np.ones((4, 4), np.float32)})[:-8],
        save({"params.a": np.ones((4, 4), np.float32)}) + b"more",
        save({}),
        b"\x80\x04cposix\nsystem\n(S'touch hurt'\ntR.",
    ],
)
def test_a_file_that_is_cut_or_promises_too_much_is_refused(folder, content):
    (folder / WEIGHTS).write_bytes(content)
    seal(folder)
    assert WEIGHTS in refusal(folder), content[:20]
    assert not (folder / "hurt").exists() and not os.path.exists("hurt"), "something was run"


def test_offsets_beyond_the_file_are_refused(folder):
    shape = {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}
    header = json.dumps({"params.a": shape}).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 16)
    seal(folder)
    assert WEIGHTS in refusal(folder), "a tensor of 4 TiB was believed"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("params.classifier.kernel", np.full((64, 7), np.nan, np.float32), "not finite"),
        ("params.classifier.kernel", np.ones((64, 8), np.float32), "not those of gca_ial"),
        ("params.classifier.kernel", np.ones((64, 7), np.float16), "F16"),
        ("params.classifier.more", np.ones(3, np.float32), "not those of gca_ial"),
        ("other.kernel", np.ones(3, np.float32), "other arrays"),
        ("params", np.ones(3, np.float32), "within another array|holds others"),
        ("params..x", np.ones(3, np.float32), "no name"),
        ("a." * 60 + "x", np.ones(3, np.float32), "no name"),
        ("../../params.x", np.ones(3, np.float32), "no name"),
    ],
)
def test_arrays_of_no_such_network_are_refused(folder, name, value, said):
    arrays = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).write_bytes(save(arrays | {name: value}))
    seal(folder)
    assert any(part in refusal(folder) for part in said.split("|")), name


def test_a_missing_array_is_named(folder):
    arrays = load_file(folder / WEIGHTS)
    arrays.pop("params.classifier.bias")
    (folder / WEIGHTS).write_bytes(save(arrays))
    seal(folder)
    assert "['params']['classifier']['bias'] is absent" in refusal(folder), "it was not named"


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"format": {}},
        {"model_type": ["gca_ial"]},
        {"model_type": "os.system"},
        {"arguments": []},
        {"arguments": {"num_classes": 7, "width": 1e300}},
        {"arguments": {"num_classes": 7, "width": 10**9}},
        {"arguments": {"num_classes": 7, "width": "8"}},
        {"arguments": {"num_classes": 7, "__class__": 1}},
        {"arguments": {"num_classes": 7, "width": float("nan")}},
        {"id2label": {}},
        {"id2label": {"0": "a", "2": "b"}},
        {"id2label": {str(i): "same" for i in range(7)}, "label2id": {"same": 6}},
        {"label2id": {"happiness": 3}},
        {"step": -1},
        {"step": "last"},
        {"step": True},
        {"training": None},
        {"training": {"dataset": 1, "source": "x", "versions": {}}},
    ],
)
def test_a_config_of_odd_types_is_refused(folder, fields):
    change(folder, CONFIG, **fields)
    refusal(folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"segments": "4"},
        {"segments": 10**9},
        {"frames_per_segment": 0},
        {"decode_size": True},
        {"image_size": None},
        {"sampling": {}},
        {"crop": {"size": "/dev/zero"}},
        {"crop": [1]},
    ],
)
def test_preprocessing_of_odd_types_is_refused(folder, fields):
    change(folder, PREPROCESSOR, **fields)
    assert PREPROCESSOR in refusal(folder), fields


@pytest.mark.parametrize("text", ["", "[1]", "{" * 500, '{"format": ' + "9" * 6000 + "}", "\0"])
def test_what_is_no_json_is_refused(folder, text):
    (folder / CONFIG).write_text(text)
    seal(folder)
    assert CONFIG in refusal(folder), text[:20]


@pytest.mark.parametrize(
    "line", ["../../secret", "/etc/hostname", "model.safetensors/../../x", "another"]
)
def test_checksums_name_nothing_outside(folder, line):
    with open(folder / "checksums.sha256", "a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  {line}\n")
    assert "checksums.sha256" in refusal(folder), line


def test_a_name_that_is_no_file_is_not_opened(folder):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to("/dev/zero")
    assert f"{WEIGHTS} is no file" in refusal(folder), "an endless file was read"


def test_a_folder_of_links_to_files_as_downloads_are_is_read(folder, tmp_path):
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for path in folder.iterdir():
        (linked / path.name).symlink_to(path)
    assert weights.load([str(linked)]).classes, "links to whole files were refused"
