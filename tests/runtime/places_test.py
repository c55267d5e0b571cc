from dfer_jax.runtime import places


def test_what_can_be_written_leaves_nothing_behind(tmp_path):
    assert places.why_not_writable(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(bytes(10))
    assert places.why_not_writable(tmp_path / "file") == "Not a directory"
    assert places.why_not_writable(tmp_path / "none") == "No such file or directory"


def test_sizes(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(bytes(3000))
    (tmp_path / "file").write_bytes(bytes(72))
    (tmp_path / "link").symlink_to("gone")
    assert places.size(tmp_path) == 3072
    assert [places.shown(n) for n in (0, 1023, 3072, 5 * 2**20, 3 * 2**29)] == [
        "0 B", "1023 B", "3 KiB", "5 MiB", "1.5 GiB",
    ]  # fmt: skip
