"""Pins: what a person keeps to compare with, in the picture and as a table to read and to save."""

from __future__ import annotations

import csv
import io
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import ipywidgets
import numpy as np

from lrlab.explorers.explorer import button
from lrlab.explorers.widgets import Table
from lrlab.figures.ink import result_text

Kept = TypeVar("Kept")
# Settings in a few words, the final numbers, "verdict" and "reason".
Row: TypeAlias = Mapping[str, Any]
_NOT_SHOWN = ("epochs", "reason")


class Pinning(Generic[Kept]):
    """The part of an explorer that keeps what it has shown.

    Attributes:
        pins: A few words for the settings, and what was kept.
    """

    def __init__(self) -> None:
        self.pins: list[tuple[str, Kept]] = []
        self._pin_table = Table(caption="Pinned, at the end", file_name="pinned.csv")

    @abstractmethod
    def shown(self) -> Kept | None:
        """Return what the picture shows, if anything."""

    @abstractmethod
    def pin_label(self, shown: Kept) -> str:
        """Return a few words for its settings."""

    @abstractmethod
    def pin_row(self, kept: Kept) -> Row:
        """Return its final numbers, "verdict" and "reason", for the table."""

    @abstractmethod
    def draw_pins(self) -> None:
        """Draw again, with the pins as they are now."""

    def pin(self) -> None:
        """Keep what is shown in the picture, to compare others with it."""
        if (shown := self.shown()) is not None:
            self.pins.append((self.pin_label(shown), shown))
            self.show_pins()

    def clear_pins(self) -> None:
        """Take all pins out of the picture."""
        self.pins.clear()
        self.show_pins()

    def show_pins(self) -> None:
        """Put the pins into the table and into the picture."""
        rows = self._pin_rows()
        names = [name for name in _names(rows) if name not in _NOT_SHOWN]
        with self._pin_table.hold_sync():
            self._pin_table.columns = [name.replace("_", " ") for name in names]
            self._pin_table.csv = self.pins_csv
            self._pin_table.rows = [[_in_short(row.get(name)) for name in names] for row in rows]
        self.draw_pins()

    @property
    def pins_csv(self) -> str:
        """The pins as comma-separated values: settings, final numbers in full, verdict, reason."""
        rows, file = self._pin_rows(), io.StringIO()
        writer = csv.DictWriter(file, _names(rows), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return file.getvalue()

    def _pin_rows(self) -> list[Row]:
        return [{"settings": label, **self.pin_row(kept)} for label, kept in self.pins]

    def _pin_buttons(self) -> list[ipywidgets.Button]:
        return [
            button("Pin", "Keep what is shown for comparison", self.pin),
            button("Clear pins", "Take away what was kept", self.clear_pins),
        ]


def _names(rows: Sequence[Row]) -> list[str]:
    """The keys of all rows; verdict and reason come last."""
    names = dict.fromkeys(name for row in rows for name in row)
    last = [name for name in ("verdict", "reason") if names.pop(name, "") is None]
    return [*names, *last]


def _in_short(value: Any) -> str:
    if isinstance(value, float) or np.ndim(value):
        return result_text(value)
    return "" if value is None else str(value)
