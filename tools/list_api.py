"""List the public API in tests/project/public_api.txt: each name, and what it can be called with.

A test holds lrlab to that list, so that no name or argument changes by accident.

Usage: python tools/list_api.py
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lrlab

TARGET = Path(__file__).resolve().parent.parent / "tests" / "project" / "public_api.txt"


def lines() -> list[str]:
    """Return a line a name: of lrlab, of its public modules, and of the members of classes."""
    paths: dict[str, Any] = {}
    for name in lrlab.__all__:
        thing = getattr(lrlab, name)
        paths[f"lrlab.{name}"] = thing
        if inspect.ismodule(thing):
            inside = {f"lrlab.{name}.{inner}": getattr(thing, inner) for inner in _names_of(thing)}
            paths |= inside
    first: dict[int, str] = {}  # where a thing is found, the shortest path of each
    for path in sorted(paths, key=lambda path: (path.count("."), path)):
        first.setdefault(id(paths[path]), path)
    found = []
    for path, thing in paths.items():
        if first[id(thing)] != path:
            found.append(f"{path} is {first[id(thing)]}")
        elif not inspect.ismodule(thing):
            found.append(f"{path}{_called(thing)}")
            if inspect.isclass(thing):
                found += [f"{path}.{member}" for member in _members(thing, first)]
    return sorted(found)


def _names_of(module: Any) -> list[str]:
    own = [
        name
        for name, thing in vars(module).items()
        if name[0] != "_" and getattr(thing, "__module__", "") == module.__name__
    ]
    return list(getattr(module, "__all__", own))


def _members(thing: type, listed: Mapping[int, str]) -> Iterator[str]:
    """What a class adds to the bases that are listed, and to those of Keras and ipywidgets."""
    own = [base for base in thing.__mro__ if base is thing or id(base) not in listed]
    seen: set[str] = set()
    for base in own:
        if base.__module__.partition(".")[0] == "lrlab":
            for name, member in vars(base).items():
                if name[0] != "_" and name not in seen:
                    yield f"{name}{_called(getattr(member, '__func__', member))}"
            seen |= {*vars(base)}


def _called(thing: Any) -> str:
    """Names, kinds and defaults of the arguments; nothing for what is not called."""
    if not inspect.isclass(thing) and not inspect.isfunction(thing):
        return ""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    parameters = [
        each.replace(annotation=each.empty, default=_Default(each.default))
        if each.default is not each.empty
        else each.replace(annotation=each.empty)
        for each in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


class _Default:
    """A default that reads the same in each process and each version of Python."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        text = repr(self.value)
        return getattr(self.value, "__name__", "...") if re.search(r" at 0x", text) else text


def main() -> int:
    """Write the list."""
    TARGET.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(lines())} names. A change belongs into CHANGELOG.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
