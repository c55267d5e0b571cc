"""Files and modules that a text names exist, and nothing is called as it was before a move."""

import ast
import re
from pathlib import Path

import printed_commands
from printed_commands import ROOT

_ROOMS = "benchmarks|dfer_jax|tfds_builders"
_PATH = re.compile(rf"(?<![\w/.~-])(?:{_ROOMS}|configs|docs|tests)/[\w./*-]*\w")
_MODULE = re.compile(rf"(?<![\w/.-])(?:{_ROOMS})(?:\.[a-zA-Z]\w*)+")
_WORDS = re.compile(
    r"official_ial|resampled_views|unless_all_left_out|\bclip_task\b|\bclip_data\b|models[./]native"
)


def _texts():
    """Yields (file, line number, line), of everything but tests and what tells of the past."""
    for path in printed_commands.tracked(".md", ".py", ".toml", ".yml", ".yaml", "Makefile"):
        if path.parts[0] != "tests" and path.name != "CHANGELOG.md":
            for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
                yield path, number, line


def _module_knows(name):
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    path = ROOT
    while parts and (path / parts[0]).is_dir():
        path /= parts.pop(0)
    if parts and (path / f"{parts[0]}.py").is_file():
        path /= f"{parts.pop(0)}.py"
    if not parts:
        return True
    source = path if path.is_file() else path / "__init__.py"
    return source.is_file() and parts[0] in _names_of(source)


def _names_of(source):
    tree = ast.parse(source.read_text())
    defined = {node.name for node in ast.walk(tree) if isinstance(node, _DEFINITIONS)}
    return defined | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


_DEFINITIONS = ast.ClassDef | ast.FunctionDef | ast.alias


def test_named_paths_exist():
    missing = [
        f"{path}:{number}: {match[0]}"
        for path, number, line in _texts()
        for match in _PATH.finditer(line)
        if not match[0].startswith("docs/tutorials")
        and not any(ROOT.glob(match[0]))
        and not any(ROOT.glob(f"{match[0]}*"))
    ]
    assert not missing, "\n".join(missing)


def test_named_modules_exist():
    missing = [
        f"{path}:{number}: {match[0]}"
        for path, number, line in _texts()
        for match in _MODULE.finditer(line)
        if not match[0].endswith((".py", ".git")) and not _module_knows(match[0])
    ]
    assert not missing, "\n".join(missing)


def test_no_old_spelling():
    here = Path(__file__).relative_to(ROOT)
    moved = (Path(__file__).parent / "moved.txt").read_text().split()
    names = {_bare(path) for path in moved if not _exists(_bare(path))}
    spelled = [re.escape(name).replace("/", r"[./]") for name in sorted(names, reverse=True)]
    old = re.compile(rf"(?<![\w/.-])(?:{'|'.join(spelled)})(?!\w)|{_WORDS.pattern}")
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in printed_commands.tracked(".md", ".py", ".toml", ".yml", ".yaml", "Makefile")
        if path.parent != here.parent and path.name != "CHANGELOG.md"
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if old.search(line)
    ]
    assert not found, "\n".join(found)


def _bare(path):
    return re.sub(r"(/__init__|/__main__)?\.py$", "", path)


def _exists(name):
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()
