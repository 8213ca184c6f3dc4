"""A digest of any Python value: data, settings and the code of one's own functions alike.

A pickle will not do: of one and the same thing, two processes write different bytes, and what can
be imported is in it by no more than its name.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["digest"]

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
# A module within is known by its name, for somebody else's version number stands for its text.
_INSTALLED = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parent),
)
_NOT_CODE = {"__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__"}


def digest(*values: Any) -> str:
    """Return 32 hexadecimal digits that are the same in every process, and for equal values alone.

    Functions and classes count by what they do, down to the values that they were closed over, as
    long as they are not part of an installed package.

    Example:
        >>> digest([1, 2], lambda x: x + 1) == digest([1, 2], lambda x: x + 1)
        True
        >>> digest(1) == digest(1.0)
        False
    """
    return _Digests().of(values).hex()[:32]


class _Digests:
    """The digests of the values met so far, by identity; those on the way are known by depth."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[bytes, Any]] = {}  # with the value, so that its id stays its
        self._path: list[int] = []

    def of(self, value: Any) -> bytes:
        if isinstance(value, _ATOMS) and type(value) in _ATOMS:
            return _hashed(type(value).__name__, repr(value).encode())
        if id(value) in self._path:
            return _hashed("cycle", str(self._path.index(id(value))).encode())
        if id(value) not in self._known:
            self._path.append(id(value))
            found = self._within(value)
            self._path.pop()
            self._known[id(value)] = found, value
        return self._known[id(value)][0]

    def _within(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            array = np.asarray(value)
            words = f"{array.dtype.str}{array.shape}"
            return _hashed(words, np.ascontiguousarray(array).tobytes())
        if isinstance(value, types.ModuleType):
            return _hashed("module", value.__name__.encode())
        if type(value) in (list, tuple):
            return _hashed(type(value).__name__, *map(self.of, value))
        if type(value) in (set, frozenset):
            return _hashed(type(value).__name__, *sorted(map(self.of, value)))
        if type(value) in (dict, types.MappingProxyType):
            return _hashed("dict", *sorted(self.of(k) + self.of(v) for k, v in value.items()))
        parts = _parts_of_code(value)
        return _hashed(*map(self.of, _parts_of_object(value) if parts is None else parts))


def _hashed(*parts: str | bytes) -> bytes:
    made = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        made.update(len(data).to_bytes(8, "big") + data)
    return made.digest()


def _parts_of_code(value: Any) -> list[Any] | None:
    """What a function, a class or a piece of them consists of; None of anything else."""
    if isinstance(value, types.CodeType):
        return ["code", value.co_code, value.co_names, value.co_consts, value.co_varnames]
    if isinstance(value, property):
        return ["property", value.fget, value.fset, value.fdel]
    if isinstance(value, staticmethod | classmethod | types.MethodType):
        return [type(value).__name__, value.__func__, getattr(value, "__self__", None)]
    if isinstance(value, functools.partial):
        return ["partial", value.func, value.args, value.keywords]
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        wrapped = getattr(value, "__wrapped__", None)
        return ["wrapped", wrapped] if isinstance(wrapped, types.FunctionType) else None
    name = f"{value.__module__}.{value.__qualname__}"
    if _is_installed(value.__module__) or isinstance(value, types.BuiltinFunctionType):
        return ["installed", name]
    if isinstance(value, types.FunctionType):
        closed = [_content(cell) for cell in value.__closure__ or ()]
        used = {name: value.__globals__[name] for name in _names(value.__code__, value.__globals__)}
        return ["function", value.__code__, value.__defaults__, value.__kwdefaults__, closed, used]
    written = {name: part for name, part in vars(value).items() if name not in _NOT_CODE}
    return ["class", value.__bases__, {k: v for k, v in written.items() if k != "__module__"}]


def _parts_of_object(value: Any) -> list[Any]:
    """What an object consists of."""
    if hasattr(value, "get_config"):  # Keras's; of a wrapped function it forgets arguments
        weights = value.get_weights() if hasattr(value, "get_weights") else None
        return [type(value), value.get_config(), getattr(value, "_fn_kwargs", None), weights]
    if hasattr(value, "__array__"):
        return ["array", np.asarray(value)]
    reduce: Any = copyreg.dispatch_table.get(type(value))
    try:
        reduced = reduce(value) if reduce else value.__reduce_ex__(2)
    except (TypeError, AttributeError):  # a lock, a file: it changes no number
        return [type(value)]
    if isinstance(reduced, str):
        return [type(value), reduced]
    make, arguments, *more = reduced
    return [
        type(value),
        make,
        *arguments,
        *(list(part) if isinstance(part, Iterator) else part for part in more),
    ]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return "empty"


def _names(code: types.CodeType, known: dict[str, Any]) -> set[str]:
    """The globals that code, or a function within it, speaks of."""
    names = {name for name in code.co_names if name in known}
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            names |= _names(part, known)
    return names


@functools.cache
def _is_installed(module: str | None) -> bool:
    if module in ("__main__", "__mp_main__", None):
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or file.startswith(_INSTALLED)
