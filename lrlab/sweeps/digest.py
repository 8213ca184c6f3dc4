"""A digest of any Python value: data, settings and the code of one's own functions alike.

A pickle will not do: of one and the same thing, two processes write different bytes, and what can
be imported is in it by no more than its name.
"""

from __future__ import annotations

import copyreg
import dis
import functools
import hashlib
import importlib
import inspect
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
_NOT_CODE |= {"__slotnames__"}  # is there once an object has been copied


def digest(*values: Any) -> str:
    """Return 32 hexadecimal digits that are the same in every process, and for equal values alone.

    Functions and classes count by what they do, down to the values that they were closed over and
    to what they use of a module of one's own, as long as they are not part of an installed package.
    What is installed counts by its name and its package's version, a callback by its settings
    alone, whatever it has seen.

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
        if isinstance(value, np.ndarray | np.generic):
            array = np.asarray(value)
            words = f"{array.dtype.str}{array.shape}"
            if array.dtype.hasobject:  # its bytes are addresses
                return _hashed(words, self.of(array.tolist()))
            return _hashed(words, np.ascontiguousarray(array).tobytes())
        if isinstance(value, types.ModuleType):
            return _hashed("module", value.__name__, self.of(_version(value.__name__)))
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
        return ["installed", name, _version(value.__module__)]
    if isinstance(value, types.FunctionType):
        code, known = value.__code__, value.__globals__
        names = _names(code)
        used = {name: known[name] for name in names if name in known}
        used |= _imported(code, known.get("__package__"))
        used |= {f"closed over {i}": _content(c) for i, c in enumerate(value.__closure__ or ())}
        used = {name: _used(part, names) for name, part in used.items()}
        return ["function", code, value.__defaults__, value.__kwdefaults__, used]
    written = {name: part for name, part in vars(value).items() if name not in _NOT_CODE}
    return ["class", value.__bases__, {k: v for k, v in written.items() if k != "__module__"}]


def _parts_of_object(value: Any) -> list[Any]:
    """What an object consists of."""
    keras = sys.modules.get("keras")  # who has not loaded it has nothing that it made
    if keras and isinstance(
        value, keras.losses.Loss | keras.metrics.Metric | keras.callbacks.Callback
    ):
        return [type(value), _settings(value, keras)]
    if hasattr(value, "get_config"):  # Keras's
        weights = value.get_weights() if hasattr(value, "get_weights") else None
        return [type(value), value.get_config(), weights]
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


def _settings(value: Any, keras: Any) -> dict[str, Any]:
    """What a loss, a metric or a callback was made with, as far as its attributes tell.

    The configs of losses and metrics forget arguments, and callbacks have none.
    """
    kind: type = type(value)
    state = _state(kind) | {"_tracker"}
    if isinstance(value, keras.losses.Loss):
        state |= {"name"}  # counted up as losses are made; nothing is called by it
    settings = {name: part for name, part in vars(value).items() if name not in state}
    if "min_delta" in settings and isinstance(value, keras.callbacks.Callback):
        settings["min_delta"] = abs(settings["min_delta"])  # training gives it a sign
    return {
        name: part
        for name, part in settings.items()
        if not any(isinstance(leaf, keras.Variable) for leaf in keras.tree.flatten(part))
    }


@functools.cache
def _state(kind: type) -> frozenset[str]:
    """The attributes that the methods of an installed class set after it was made.

    Arguments and what one's own class sets are not among them.
    """
    theirs: set[str] = set()
    own = set(inspect.signature(kind).parameters)
    for base in kind.__mro__:
        installed = _is_installed(base.__module__)
        for name, part in vars(base).items():
            if isinstance(part, types.FunctionType) and not (installed and name == "__init__"):
                (theirs if installed else own).update(
                    step.argval for step in _steps(part.__code__) if step.opname == "STORE_ATTR"
                )
    return frozenset(theirs - own)


def _steps(code: types.CodeType) -> Iterator[dis.Instruction]:
    """The instructions of code and of the functions within it."""
    yield from (step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG")
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _steps(part)


def _names(code: types.CodeType) -> set[str]:
    """The globals, attributes and modules that code, or a function within it, speaks of."""
    inner = (_names(part) for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*inner)


def _imported(code: types.CodeType, package: str | None) -> dict[str, Any]:
    """The modules that code imports when it runs: by then it is too late to look at them."""
    steps, found = list(_steps(code)), {}
    for level, _, step in zip(steps, steps[1:], steps[2:], strict=False):
        if step.opname == "IMPORT_NAME":
            name = "." * level.argval + step.argval
            try:
                found[f"import {name}"] = importlib.import_module(name, package)
            except Exception:  # noqa: BLE001 - code that cannot be imported changes no number
                continue
    return found


def _used(value: Any, names: set[str], within: frozenset[str] = frozenset()) -> Any:
    """Of a module of one's own, the parts that code names; anything else as it is."""
    if not isinstance(value, types.ModuleType) or _is_installed(value.__name__):
        return value
    name = value.__name__
    if name in within:
        return name
    parts = {part: vars(value)[part] for part in names if part in vars(value)}
    return [
        name,
        {part: _used(each, names, within | {name}) for part, each in parts.items()},
    ]


def _version(module: str | None) -> Any:
    """The version of the package that a module is part of, None without one."""
    top = (module or "").partition(".")[0]
    return getattr(sys.modules.get(top), "__version__", None)


@functools.cache
def _is_installed(module: str | None) -> bool:
    if module in ("__main__", "__mp_main__", None):
        return False
    found = sys.modules.get(module)
    # A folder without an __init__.py is a module without a file.
    file = getattr(found, "__file__", None) or next(iter(getattr(found, "__path__", ())), None)
    return file is None or file.startswith(_INSTALLED)
