"""Every command that a text, a docstring or a message prints is one that works."""

import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib

import installed_wheel
import parse_commands
import printed_commands
from printed_commands import ROOT

from tfds_builders import build

printed = functools.cache(printed_commands.printed)


def _parsed(python, commands, *, cwd, env):
    """Returns what became of each command line, run up to where its work would begin."""
    words = sorted({_complete(command) for command in commands})
    result = subprocess.run(
        [python, parse_commands.__file__],
        input=json.dumps(words),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=env,
    )
    assert result.returncode == 0, result.stderr
    return dict(zip(words, json.loads(result.stdout), strict=True))


def _complete(command):
    """A command that a sentence only names is asked for its help."""
    words = command.words
    only_named = command.named and len(words) == (2 if words[0] == "dfer" else 3)
    return (*words, "--help") if only_named and words[-1] != "--version" else words


def _of(*, checkout):
    """Returns the commands of ours: those of the checkout alone, or those that are installed."""
    ours = [
        command
        for command in printed()
        if (command.words[0] == "dfer" and command.words[1:2] not in ((), ("1",)))
        or (command.words[0] == "python" and not _of_others(command.words))
    ]
    return [c for c in ours if any("benchmarks" in word for word in c.words[1:3]) is checkout]


def _of_others(words):
    """Whether it runs none of our modules: a tool, or a script that its path names."""
    return words[1] != "-m" or words[2] in ("pytest", "pip")


def _mistakes(commands, parsed):
    for command in commands:
        code, said, rest, dataset = parsed[_complete(command)]
        line = f"{command.where}: {' '.join(command.words)}"
        if code:
            yield f"{line}\n  {said.strip()[-300:]}"
        elif "\\" in rest:
            yield f"{line}\n  a backslash that joins nothing"
        elif dataset is not None and len(rest) > (command.words[1] == "export"):  # of a run
            yield f"{line}\n  unexpected {rest}"
        elif command.words[1] in ("build", "check", "cache") and len(rest) == 1:
            dataset = rest[0]
        try:
            if dataset and "1" not in (dataset, dataset.partition("/")[0]):
                build.find_builder(dataset)
        except build.UserError as error:
            yield f"{line}\n  {error}"


def test_installed_commands_parse_outside_the_checkout(installed, tmp_path):
    commands = _of(checkout=False)
    assert len(commands) > 60
    env = installed_wheel.without_checkout()
    parsed = _parsed(installed.python, commands, cwd=tmp_path, env=env)
    mistakes = list(_mistakes(commands, parsed))
    assert not mistakes, "\n".join(mistakes)
    assert not list(tmp_path.iterdir())


def test_commands_of_the_checkout_parse():
    commands = _of(checkout=True)
    assert len(commands) > 20
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    parsed = _parsed(sys.executable, commands, cwd=ROOT, env=env)
    mistakes = list(_mistakes(commands, parsed))
    assert not mistakes, "\n".join(mistakes)


def test_wrong_commands_are_found(tmp_path):
    text = """
    dfer trian configs/synthetic.py
    dfer build synthetic_dfer/teeny       # no such data set
    dfer cache synthetic_dfer/tiny --sise 56
    dfer cache synthetic_dfer/tiny --size large
    python -m dfer_jax.report runs/synthetic
    dfer train configs/synthetic.py model.widht=3 && dfer train configs/synthetic.py fold=one
    dfer train configs/synthetics.py
    dfer crossval configs/dfew.py now
"""
    lines = [line for line in text.splitlines() if line]
    commands = [
        printed_commands.Printed("here", words, False)
        for line in lines
        for words in printed_commands.split(line)
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    mistakes = list(_mistakes(commands, _parsed(sys.executable, commands, cwd=tmp_path, env=env)))
    expected = [
        "did you mean train?",
        "no data set 'synthetic_dfer/teeny'",
        "sise",
        "large",
        "No module named dfer_jax.report",
        "widht",
        "fold=one",
        "configs/synthetics.py",
        "unexpected ['now']",
    ]
    assert len(mistakes) == len(expected)
    for said, wanted in zip(mistakes, expected, strict=True):
        assert wanted in said


def test_split_reads_as_a_shell_does():
    line = "$ A=1 srun --ntasks=2 .venv/bin/python -m x --a='b c' <a b> [--c D] && dfer y > z  # w"
    assert printed_commands.split(line) == [
        ("python", "-m", "x", "--a=b c", "1", "--c", "1"),
        ("dfer", "y"),
    ]


def test_make_targets_exist():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    asked = {
        word: command.where
        for command in printed()
        if command.words[0] == "make"
        for word in command.words[1:]
        if "=" not in word and word != "1"
    }
    assert len(asked) > 5
    assert not {word: where for word, where in asked.items() if word not in targets}


def test_extras_exist():
    with open(ROOT / "pyproject.toml", "rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    for path in printed_commands.tracked(".md", ".py", "Makefile", ".yml"):
        for match in re.finditer(
            r"(?:dfer_jax|['\"]\.)\[([a-z0-9,]+)\]", (ROOT / path).read_text()
        ):
            assert set(match[1].split(",")) <= set(extras), f"{path}: {match[0]}"


def test_other_programs_exist():
    for command in printed():
        if command.words[0] == "python" and _of_others(command.words):
            paths = [word for word in command.words[1:] if word.startswith("tests/")]
            assert all((ROOT / path).exists() for path in paths), command
    assert importlib.util.find_spec("pytest")
