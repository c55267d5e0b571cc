"""Finds the command lines that the project prints: in texts, docstrings, messages and recipes."""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
_ANYTHING = re.compile(r"<[^<>]*>|\$\{?\w+\}?|\$\([A-Z]+\)")  # <folder>, $HOST, ${HOST}
_BEFORE = r"(?:- )?(?:run: )?(?:@|\$ )?(?:[A-Z_]+=\S+ )*(?:srun (?:-\S+ )*)?(?:[\w$()./]+/)?"
_COMMAND = re.compile(_BEFORE + r"(dfer|python3?|make|pip install)( .*)?")
_IN_TEXT = re.compile(r"(?<!`)`((?:dfer|python -m|make|pip install) [^`]+)`")
_ENDS = frozenset("();<>|&")


class Printed(NamedTuple):
    """A command line, and where it is printed."""

    where: str
    words: tuple[str, ...]
    named: bool  # within a sentence, which may name a command without what it needs


def tracked(*endings: str) -> list[Path]:
    """Returns the files under version control, and new ones, that end so, relative to ROOT."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [Path(line) for line in listed.stdout.splitlines()]
    return [path for path in paths if path.name.endswith(endings) and (ROOT / path).exists()]


def printed() -> list[Printed]:
    """Returns every command line of every file that is not a test."""
    found: list[Printed] = []
    for path in tracked(".md", ".py", "Makefile", ".yml", ".yaml"):
        if path.parts[0] == "tests":
            continue
        text = (ROOT / path).read_text()
        lines = _of_python(text) if path.suffix == ".py" else _of_text(text, path)
        for number, line, named in lines:
            found += [Printed(f"{path}:{number}", words, named) for words in split(line)]
    return found


def split(line: str) -> list[tuple[str, ...]]:
    """Returns the commands of a line, as a shell would split them.

    What stands for anything becomes `1`: it is a folder, a name and a number. Brackets around what
    may be left out are dropped, and so is what three spaces part from the command.
    """
    line = re.split(r" {3,}", _ANYTHING.sub("1", line.strip()))[0]
    lexer = shlex.shlex(re.sub(r" \[([^]']+)\]", r" \1", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= _ENDS:
            commands.append([])
        elif word != "...":
            commands[-1].append(re.sub(r"(?<==)[A-Z_]+$|^[A-Z_]+(\.\.\.)?$", "1", word))
    return [tuple(words) for words in map(_bare, commands) if words]


def _bare(words: list[str]) -> list[str]:
    """Returns a command without what comes before it, or nothing if it is none of ours."""
    match = _COMMAND.fullmatch(" ".join(words))
    if not match:
        return []
    program = match[1].partition(" ")[0]
    first = next(i for i, word in enumerate(words) if word.rpartition("/")[2] == program)
    return [program, *words[first + 1 :]]


def _of_text(text: str, path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yields the lines of blocks, fenced or indented, and the commands within the text."""
    start = {"Makefile": ("# ", "\t"), ".md": ("    ",)}.get(path.suffix or path.name, ("",))
    fenced, prose = False, []
    for number, line in _joined(text.splitlines()):
        bare = line.strip().removeprefix("# ")
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif (fenced or line.startswith(start)) and _COMMAND.match(bare):
            yield number, bare, False
        else:
            prose.append((number, line))
    numbers = [number for number, _ in prose]
    yield from _within("\n".join(line for _, line in prose), numbers)


def _of_python(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yields the lines of docstrings that are commands, and the commands within any string."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield from _of_docstring(str(first.value.value), first.lineno)
        elif isinstance(node, ast.JoinedStr):
            parts = [p.value if isinstance(p, ast.Constant) else "1" for p in node.values]
            yield from _within("".join(map(str, parts)), [node.lineno])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _within(node.value, [node.lineno])


def _of_docstring(text: str, start: int) -> Iterator[tuple[int, str, bool]]:
    for number, line in _joined(text.splitlines()):
        command = line.strip()
        sure = command.startswith(("dfer ", "python -m ")) or line.startswith("    ")
        if sure and _COMMAND.match(command):
            yield start + number - 1, command, False


def _within(text: str, numbers: list[int]) -> Iterator[tuple[int, str, bool]]:
    for match in _IN_TEXT.finditer(text):
        line = text.count("\n", 0, match.start())
        yield numbers[min(line, len(numbers) - 1)], " ".join(match[1].split()), True


def _joined(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yields lines with their numbers; one that ends in a backslash goes on."""
    number, whole = 0, ""
    for count, line in enumerate(lines, 1):
        number = number or count
        whole += line.lstrip() if whole else line
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        yield number, whole
        number, whole = 0, ""
