"""`dfer compare` as a command: the printed rows with their configs, before anything is trained."""


def test_the_rows_of_a_table_are_listed_with_their_configs(commands, tmp_path):
    done = commands.run(
        "dfer_jax.clips.compare", "configs/table4.py", "--dry_run", f"--workdir={tmp_path / 'c'}"
    )
    assert done.returncode == 0, done.stderr
    for words in ("GCA+IAL", "Former-DFER", "configs/dfew.py", "55.71", "69.24", str(tmp_path)):
        assert words in done.stdout, words
    assert not list(tmp_path.iterdir())


def test_wrong_uses_are_one_sentence(commands):
    for words, code, message in (
        ((), 2, "name a list of experiments"),
        (("configs/table4.py", "--only=Nobody", "--dry_run"), 1, "Nobody"),
        (("configs/dfew.py", "--dry_run"), 1, "configs/dfew.py"),
    ):
        done = commands.run("dfer_jax.clips.compare", *words)
        assert done.returncode == code and message in done.stderr, done
        assert done.stderr.count("\n") == 1
