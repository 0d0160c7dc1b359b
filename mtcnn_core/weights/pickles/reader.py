"""Reads pickles that hold arrays and nothing else, without ever calling what they name.

A pickle is a program that may call any function by name. Here it is no program: its operations are
followed one by one, plain values are built, and the few names that stand for arrays are looked up
in a table. Any other name means code, and the file is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any, BinaryIO

from mtcnn_core.weights.errors import WeightsError, reason
from mtcnn_core.weights.pickles.pickled_arrays import CONSTRUCTORS, Buildable, Name
from mtcnn_core.weights.pickles.tensors import MAX_BYTES

Persistent = Callable[[Any], Any]
_MAX_OPERATIONS = 200_000
# What calls may copy; a small pickle can ask for the same large thing again and again.
_MAX_COPIED = 2 * MAX_BYTES
_MARK = object()


def read_pickle(file: BinaryIO, source: str, persistent: Persistent | None = None) -> Any:
    """Reads one pickle from a file, to the byte after it.

    Args:
        file: The file, at the first byte of the pickle.
        source: What to call the file in errors.
        persistent: Answers references to what lies outside the pickle.

    Returns:
        Dicts, lists, tuples, strings, bytes, numbers and arrays.

    Raises:
        WeightsError: The pickle is damaged, or it names anything but arrays.
    """
    try:
        return _Reader(file, source, persistent).read()
    except WeightsError:
        raise
    except Exception as error:  # what damage leads to depends on the byte that is damaged
        raise WeightsError(
            f"{source} is damaged, or no pickle of arrays ({reason(error)})"
        ) from error


class _Reader:
    """The stack and the memory of one pickle."""

    def __init__(self, file: BinaryIO, source: str, persistent: Persistent | None) -> None:
        self._file = file
        self._source = source
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def read(self) -> Any:
        for count, (operation, argument, _) in enumerate(pickletools.genops(self._file)):
            if count > _MAX_OPERATIONS:
                raise ValueError("too many operations")
            if operation.name == "STOP":
                return self._stack.pop()
            if operation.name in _PUSHING:
                self._stack.append(argument)
            elif operation.name in _OPERATIONS:
                _OPERATIONS[operation.name](self, argument)
            elif operation.name not in _IDLE:
                raise WeightsError(
                    f"{self._source} hides code: the pickle operation {operation.name}"
                )
        raise ValueError("it has no end")

    def _name(self, module: Any, name: Any) -> Name:
        found = Name(str(module), str(name))
        if found not in CONSTRUCTORS:
            raise WeightsError(
                f"{self._source} hides code: {found}; save the arrays alone "
                "(of a PyTorch module its state_dict)"
            )
        return found

    def _top(self, kind: type) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise TypeError(f"a {kind.__name__} was expected")
        return self._stack[-1]

    def _to_mark(self) -> list[Any]:
        at = max(i for i, value in enumerate(self._stack) if value is _MARK)
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _spend(self, values: Iterable[Any]) -> None:
        self._copied += sum(len(value) for value in values if isinstance(value, Sized))
        if self._copied > _MAX_COPIED:
            raise ValueError("too much data")

    def global_(self, argument: str) -> None:
        self._stack.append(self._name(*argument.split(" ", 1)))

    def stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self._name(module, name))

    def reduce(self, _: Any) -> None:
        arguments, name = self._stack.pop(), self._stack.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise TypeError("a call of what is no name")
        self._spend(arguments)
        self._stack.append(CONSTRUCTORS[name](*arguments))

    def build(self, _: Any) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if isinstance(target, Buildable):
            self._spend(state.values() if isinstance(state, dict) else state)
            target.build(state, self._file)
            self._stack[-1] = target.value
        elif not isinstance(target, dict):  # attributes of an OrderedDict: of no interest
            raise TypeError(f"a {type(target).__name__} has no state")

    def reference(self, _: Any) -> None:
        if self._persistent is None:
            raise ValueError("a reference to something outside it")
        self._stack.append(self._persistent(self._stack.pop()))

    def get(self, argument: Any) -> None:
        value = self._memo[int(argument)]
        # It was memorised before its state was known.
        finished = isinstance(value, Buildable) and value.value is not None
        self._stack.append(value.value if finished else value)

    def put(self, argument: Any) -> None:
        self._memo[int(argument)] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def pop_mark(self, _: Any) -> None:
        self._to_mark()

    def pop(self, _: Any) -> None:
        self._stack.pop()

    def dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def constant(self, make: Callable[[], Any]) -> None:
        self._stack.append(make())

    def tuple_of(self, size: int) -> None:
        items = self._stack[-size:]
        if len(items) < size:
            raise IndexError("too few items")
        self._stack[-size:] = [tuple(items)]

    def tuple_(self, _: Any) -> None:
        self._stack.append(tuple(self._to_mark()))

    def list_(self, _: Any) -> None:
        self._stack.append(self._to_mark())

    def dict_(self, _: Any) -> None:
        self._stack.append(_pairs(self._to_mark()))

    def append(self, _: Any) -> None:
        item = self._stack.pop()
        self._top(list).append(item)

    def appends(self, _: Any) -> None:
        items = self._to_mark()
        self._top(list).extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._top(dict).update(_pairs([key, value]))

    def set_items(self, _: Any) -> None:
        items = self._to_mark()
        self._top(dict).update(_pairs(items))


def _pairs(items: list[Any]) -> dict[Any, Any]:
    keys = items[::2]
    # Others have no business here, and large numbers can be chosen to collide.
    if not all(isinstance(k, (str, bytes)) or (isinstance(k, int) and k < 2**60) for k in keys):
        raise TypeError("a key that is no name")
    return dict(zip(keys, items[1::2], strict=True))


_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_STRINGS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
_TEXTS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8")
# Operations whose argument is the value.
_PUSHING = frozenset({*_NUMBERS, *_STRINGS, *_TEXTS})
_IDLE = frozenset({"PROTO", "FRAME"})
_OPERATIONS: Mapping[str, Callable[[_Reader, Any], None]] = {
    "GLOBAL": _Reader.global_,
    "STACK_GLOBAL": _Reader.stack_global,
    "REDUCE": _Reader.reduce,
    "NEWOBJ": _Reader.reduce,
    "BUILD": _Reader.build,
    "BINPERSID": _Reader.reference,
    "GET": _Reader.get,
    "BINGET": _Reader.get,
    "LONG_BINGET": _Reader.get,
    "PUT": _Reader.put,
    "BINPUT": _Reader.put,
    "LONG_BINPUT": _Reader.put,
    "MEMOIZE": _Reader.memoize,
    "MARK": _Reader.mark,
    "POP": _Reader.pop,
    "POP_MARK": _Reader.pop_mark,
    "DUP": _Reader.dup,
    "NONE": lambda reader, _: reader.constant(lambda: None),
    "NEWTRUE": lambda reader, _: reader.constant(lambda: True),
    "NEWFALSE": lambda reader, _: reader.constant(lambda: False),
    "EMPTY_DICT": lambda reader, _: reader.constant(dict),
    "EMPTY_LIST": lambda reader, _: reader.constant(list),
    "EMPTY_TUPLE": lambda reader, _: reader.constant(tuple),
    "TUPLE": _Reader.tuple_,
    "TUPLE1": lambda reader, _: reader.tuple_of(1),
    "TUPLE2": lambda reader, _: reader.tuple_of(2),
    "TUPLE3": lambda reader, _: reader.tuple_of(3),
    "LIST": _Reader.list_,
    "DICT": _Reader.dict_,
    "APPEND": _Reader.append,
    "APPENDS": _Reader.appends,
    "SETITEM": _Reader.set_item,
    "SETITEMS": _Reader.set_items,
}
