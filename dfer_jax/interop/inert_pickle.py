"""Reads pickles without running anything: names stay names, calls become records.

No class or function is looked up, imported or called, whatever the pickle asks for. What it would
have called is handed to `build`, which knows a few names; all else becomes a `Foreign`. Memory and
time grow with the length of the pickle only, which is bounded.
"""

import dataclasses
import io
import pickletools
from collections.abc import Callable, Sequence
from typing import Any

_LITERALS = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
)  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MOST_STEPS = 1_000_000  # a tensor takes about 30
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_KEYS = (str, int, float, bytes, type(None))


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle names, as in `collections.OrderedDict`."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Foreign:
    """What calling a name that means nothing here would have made."""

    name: str


Build = Callable[[str, Sequence[Any]], Any]
"""Takes a dotted name and its arguments; returns a value, or `Foreign`."""


def load(file: io.BufferedIOBase, *, build: Build, persistent: Callable[[Any], Any]) -> Any:
    """Returns the value of the pickle that begins at the file's position, and moves past it.

    Sets become lists, and entries of dictionaries whose keys are not text or numbers are left out.

    Args:
        file: what commits no memory for a read of more than is there.
        build: stands in for every call.
        persistent: stands in for references to data outside of the pickle.

    Raises:
        ValueError, IndexError, KeyError, TypeError: if the pickle is damaged.
    """
    machine = _Machine(build, persistent)
    for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if step == _MOST_STEPS:
            raise ValueError(f"its pickle has more than {_MOST_STEPS:,} steps")
        machine.step(opcode.name, argument)
    return machine.stack.pop()


class _Machine:
    """The stack machine of the pickle format."""

    def __init__(self, build: Build, persistent: Callable[[Any], Any]):
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []  # stacks below the marks
        self._memo: dict[int, Any] = {}
        self._build, self._persistent = build, persistent

    def step(self, opcode: str, argument: Any) -> None:
        if opcode in _LITERALS:
            self.stack.append(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode]())
        elif opcode in _PUTS:
            self._memo[argument] = self.stack[-1]
        elif opcode in _GETS:
            self.stack.append(self._memo[argument])
        elif opcode in _TUPLES:
            count = _TUPLES[opcode]
            if len(self.stack) < count:
                raise IndexError("the stack is too short")
            self.stack[-count:] = [tuple(self.stack[-count:])]
        elif opcode == "BUILD":
            self.stack.pop()  # the state of an object that is not made
        elif opcode not in ("PROTO", "FRAME", "STOP"):
            method = getattr(self, f"_{opcode.lower()}", None)
            if method is None:
                raise ValueError(f"the pickle uses {opcode}")
            method() if argument is None else method(argument)

    def _mark(self) -> None:
        self._marked.append(self.stack)
        self.stack = []

    def _pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self._marked.pop()
        return items

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._pop_mark()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _tuple(self) -> None:
        items = self._pop_mark()
        self.stack.append(tuple(items))

    def _list(self) -> None:
        items = self._pop_mark()
        self.stack.append(items)

    _frozenset = _list

    def _dict(self) -> None:
        items = self._pop_mark()
        self.stack.append({})
        self._set(items)

    def _append(self) -> None:
        self._extend([self.stack.pop()])

    def _appends(self) -> None:
        self._extend(self._pop_mark())

    _additems = _appends

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _setitems(self) -> None:
        self._set(self._pop_mark())

    def _extend(self, items: list[Any]) -> None:
        if isinstance(target := self.stack[-1], list):
            target.extend(items)

    def _set(self, items: list[Any]) -> None:
        if isinstance(target := self.stack[-1], dict):
            pairs = zip(items[::2], items[1::2], strict=True)
            target.update((k, v) for k, v in pairs if isinstance(k, _KEYS))

    def _global(self, name: str) -> None:
        self.stack.append(Name(name.replace(" ", ".")))

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Name(f"{str(module)[:200]}.{str(name)[:200]}"))

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self._call(function, arguments)

    _newobj = _reduce

    def _newobj_ex(self) -> None:
        self.stack.pop()
        self._reduce()

    def _inst(self, name: str) -> None:
        self._call(Name(name.replace(" ", ".")), self._pop_mark())

    def _obj(self) -> None:
        function, *arguments = self._pop_mark()
        self._call(function, arguments)

    def _call(self, function: Any, arguments: Any) -> None:
        if isinstance(function, Name) and isinstance(arguments, tuple | list):
            self.stack.append(self._build(function.name, arguments))
        else:
            self.stack.append(Foreign("something"))

    def _persid(self, name: str) -> None:
        self.stack.append(self._persistent(name))

    def _binpersid(self) -> None:
        self.stack.append(self._persistent(self.stack.pop()))
