"""The pinned runs as a table, to read in the page and to save."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lrlab.explorers.views import Table

if TYPE_CHECKING:
    from lrlab.experiment import Run

# A few words for the settings, and what came of them.
Pins: TypeAlias = Sequence[tuple[str, "Run"]]


def pin_table() -> Table:
    """Make the view, which shows nothing yet."""
    return Table(caption="Pinned runs, after the last epoch", file_name="pinned_runs.csv")


def show_pins(table: Table, pins: Pins) -> None:
    """Put the runs into the view."""
    names = _names(pins)
    with table.hold_sync():
        table.columns = ["settings", *(name.replace("_", " ") for name in names), "verdict"]
        table.csv = as_csv(pins)
        table.rows = [
            [label, *(_digits(run.final.get(name)) for name in names), run.verdict]
            for label, run in pins
        ]


def as_csv(pins: Pins) -> str:
    """Write the runs as comma-separated values, numbers in full, with the reason of the verdict."""
    names, file = _names(pins), io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["settings", "epochs", *names, "verdict", "reason"])
    for label, run in pins:
        numbers = [run.final.get(name, "") for name in names]
        writer.writerow([label, len(run.history["loss"]), *numbers, run.verdict, run.reason])
    return file.getvalue()


def _names(pins: Pins) -> list[str]:
    """The keys of all histories, those of the first run first."""
    return list(dict.fromkeys(name for _, run in pins for name in run.final))


def _digits(value: Any) -> str:
    return "" if value is None else f"{value:.4g}"
