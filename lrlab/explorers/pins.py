"""What a person keeps to compare with, as a table and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from lrlab.figures.ink import result_text

Shown = TypeVar("Shown")
Row: TypeAlias = Mapping[str, Any]  # of a pin: its settings, final numbers, "verdict" and "reason"

_NOT_IN_THE_TABLE = ("epochs", "reason")
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, eq=False)
class Pin(Generic[Shown]):
    """What a person keeps to compare with: a few words for the settings, these, and the result."""

    label: str
    settings: Any
    shown: Shown


def as_csv(rows: Sequence[Row]) -> str:
    """Return comma-separated values, for any spreadsheet: no cell of theirs is a formula to it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = _columns(rows)
    writer.writerow(map(_inert, names))
    writer.writerows([_inert(row.get(name)) for name in names] for row in rows)
    return file.getvalue()


def as_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the cells of a table, without what is too long for one."""
    names = [name for name in _columns(rows) if name not in _NOT_IN_THE_TABLE]
    cells = [[_in_few_digits(row.get(name)) for name in names] for row in rows]
    return [name.replace("_", " ") for name in names], cells


def _columns(rows: Sequence[Row]) -> list[str]:
    """The keys of all rows; verdict and reason come last."""
    names = dict.fromkeys(name for row in rows for name in row)
    last = [name for name in ("verdict", "reason") if names.pop(name, "") is None]
    return [*names, *last]


def _in_few_digits(value: Any) -> str:
    if value is None or isinstance(value, str | int):
        return "" if value is None else str(value)
    return result_text(value)


def _inert(cell: Any) -> Any:
    """A text with an apostrophe before it, where a spreadsheet would take it for a formula."""
    if not isinstance(cell, str) or not cell.startswith(_BEGINS_A_FORMULA):
        return cell
    with suppress(ValueError):
        float(cell)
        return cell
    return f"'{cell}"
