"""What a person keeps to compare with, as a table and as a file."""

from __future__ import annotations

import csv
import io
import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

from lrlab.explorers.frame import Frame, Shown
from lrlab.explorers.widgets import TableView
from lrlab.figures.ink import result_text

Row: TypeAlias = Mapping[str, Any]  # of a pin: its settings, final numbers, "verdict" and "reason"

_NOT_IN_THE_TABLE = ("epochs", "learning_rates", "reason")
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, eq=False)
class Pin(Generic[Shown]):
    """What a person keeps to compare with: a few words for the settings, these, and the result."""

    label: str
    settings: Any
    shown: Shown


class Pinning(Generic[Shown]):
    """The part of an explorer that keeps pins: it lists them, and has them drawn."""

    _pins: list[Pin[Shown]]
    _pin_table: TableView
    _drawing: threading.RLock  # of the pins and of the picture
    _frame: Frame[Shown] | None  # what the picture shows

    @abstractmethod
    def label(self, settings: Any) -> str:
        """Return a few words for such settings, for a pin."""

    @abstractmethod
    def row(self, settings: Any, shown: Shown) -> Row:
        """Return the settings, final numbers, "verdict" and "reason" of a pin, for its table."""

    @abstractmethod
    def redraw(self) -> None:
        """Draw what is shown once more, with other pins."""

    @property
    def pins(self) -> list[tuple[str, Shown]]:
        """What was kept, each with a few words for its settings."""
        return [(pin.label, pin.shown) for pin in self._pins]

    def pin(self) -> None:
        """Keep what is shown in the picture, to compare others with it."""
        with self._drawing:
            frame = self.shown()
            if frame is not None and frame.shown is not None:
                self._pins.append(Pin(self.pin_label(frame.settings), frame.settings, frame.shown))
                self.pins_changed()

    def clear_pins(self) -> None:
        """Take all pins out of the picture."""
        with self._drawing:
            self._pins.clear()
            self.pins_changed()

    def shown(self) -> Frame[Shown] | None:
        """Return what the picture shows, if anything: the run may have been stopped."""
        return self._frame

    def pin_label(self, settings: Any) -> str:
        """Return a few words for what is being pinned."""
        return self.label(settings)

    def pins_changed(self) -> None:
        """Put the pins into the table and into the picture."""
        self.list_pins()
        self.redraw()

    def list_pins(self) -> None:
        """Put the pins into the table."""
        rows = self._pin_rows()
        with self._pin_table.hold_sync():
            self._pin_table.csv = as_csv(rows)
            self._pin_table.columns, self._pin_table.rows = as_table(rows)

    @property
    def pins_csv(self) -> str:
        """The pins as comma-separated values: settings, final numbers in full, verdict, reason."""
        return as_csv(self._pin_rows())

    def _pin_rows(self) -> list[Row]:
        return [{"settings": pin.label, **self.row(pin.settings, pin.shown)} for pin in self._pins]


def as_csv(rows: Sequence[Row]) -> str:
    """Return comma-separated values, for any spreadsheet: no cell of theirs is a formula to it."""
    file = io.StringIO(newline=None)  # every line ends in "\n", also one within a cell
    writer = csv.writer(file)
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
