"""What ends an explorer: its own `close`, or its cell that runs again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import ref

import ipywidgets

if TYPE_CHECKING:
    from lrlab.explorers.explorer import Explorer

CLOSED = "closed, by close() or because its cell ran again."
# By cell, the execution that made some explorers, and these; who lets go of one has it freed.
_MADE_BY_CELL: dict[str, tuple[str, list[ref[Explorer[Any]]]]] = {}


def close_earlier_ones_of_this_cell(explorer: Explorer[Any]) -> None:
    """Note the cell that makes this explorer; close those that it made when it last ran.

    Nobody sees them any more, but the notebook's `Out` may keep them for good.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "get_parent"):
        return
    parent = shell.get_parent()
    cell = parent.get("metadata", {}).get("cellId")
    if not cell:
        return
    execution = parent["header"]["msg_id"]
    last, made = _MADE_BY_CELL.get(cell, (execution, []))
    if last != execution:
        for old in filter(None, (each() for each in made)):
            old.close()
        made = []
    _MADE_BY_CELL[cell] = execution, [*made, ref(explorer)]


def close_family(widget: ipywidgets.Widget) -> None:
    """Close a widget and all that it shows: its children, and the layout and style of each.

    ipywidgets keeps every widget that is not closed, and with it whoever observes it.
    """
    for part in _family(widget):
        part.close()
        part.unobserve_all()


def _family(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """A widget and those within it, however deep."""
    found: dict[int, ipywidgets.Widget] = {}
    ahead = [widget]
    while ahead:
        part = ahead.pop()
        if id(part) not in found:
            found[id(part)] = part
            ahead += _parts(part)
    return list(found.values())


def _parts(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    for name in widget.keys:
        value = getattr(widget, name)
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, ipywidgets.Widget):
                yield part
