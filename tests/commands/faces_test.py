"""`dfer faces`: where the networks that find faces are, or how to get them."""

import pytest


@pytest.fixture
def faces(commands):
    return lambda *words: commands.run("dfer_jax.commands.faces", *words)


def test_a_file_that_is_not_theirs_and_wrong_uses_are_one_sentence(faces, tmp_path):
    (tmp_path / "other.task").write_bytes(b"other")
    for words, code, message in (
        ((f"--face_model={tmp_path / 'other.task'}",), 1, "other.task"),
        ((f"--face_model={tmp_path / 'none.task'}",), 1, "none.task"),
        (("here",), 2, "unexpected arguments ['here']; it takes none"),
        (("--download", "--face_model=x"), 2, "leave out --face_model"),
    ):
        done = faces(*words)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert message in done.stderr and done.stderr.count("\n") == 1
