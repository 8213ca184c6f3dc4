"""What ends an explorer: its own `close`, or its cell that runs again; and what it leaves then."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import ipywidgets

from lrlab.figures.picture import without_caption

if TYPE_CHECKING:
    from lrlab.explorers.explorer import Explorer

CLOSED = "closed, by close() or because its cell ran again."
KEPT = "lrlab"  # in the metadata of an output: the picture that kept.js has put there
_LARGEST_FILE = 30e6  # bytes, of a notebook that is looked into


@dataclass
class _Cell:
    """An execution of a cell, the explorers that it made, and the pictures that were there before.

    Who lets go of an explorer has it freed. A picture stands with the name of its explorer's class.
    """

    execution: str
    made: list[ref[Explorer[Any]]] = field(default_factory=list)
    before: list[tuple[str, bytes]] = field(default_factory=list)


_CELLS: dict[str, _Cell] = {}  # by their ids


def take_the_place_of_earlier_ones(explorer: Explorer[Any]) -> bytes | None:
    """Note the cell that makes this explorer; close those that it made when it last ran.

    Nobody sees them any more, but the notebook's `Out` may keep them for good. Returns the picture
    that stood in this one's place, in the page or, in a new kernel, in the notebook's file.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    parent = shell.get_parent()
    cell = parent.get("metadata", {}).get("cellId")
    if not cell:
        return None
    now, last = _Cell(parent["header"]["msg_id"]), _CELLS.get(cell)
    if last is None:
        now.before = _stored_pictures(cell)
    elif last.execution == now.execution:
        now = last
    else:
        for old in filter(None, (each() for each in last.made)):
            now.before.append((type(old).__name__, old.picture))
            old.close()
    _CELLS[cell] = now
    now.made.append(ref(explorer))
    for number, (kind, picture) in enumerate(now.before):
        if kind == type(explorer).__name__:
            del now.before[number]
            return picture
    return None


def _stored_pictures(cell: str) -> list[tuple[str, bytes]]:
    """The pictures of explorers in the outputs of a cell, as its notebook's file has them."""
    try:
        file = Path(os.environ["JPY_SESSION_NAME"])  # by Jupyter's server, for its kernels
        if file.stat().st_size > _LARGEST_FILE:
            return []
        cells = json.loads(file.read_bytes())["cells"]
        outputs = [output for each in cells if each.get("id") == cell for output in each["outputs"]]
        pictures = [output for output in outputs if "image/png" in output.get("data", {})]
        kept = [output for output in pictures if KEPT in output["metadata"]]
        return [
            (
                "".join(output["data"]["text/plain"]).partition(":")[0],
                without_caption(base64.b64decode("".join(output["data"]["image/png"]))),
            )
            for output in kept or pictures
        ]
    except (KeyError, ValueError, TypeError, OSError):
        return []  # it is only to look at, for a few seconds


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
