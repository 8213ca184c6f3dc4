"""Maps: where two settings lead to, all of them at a glance, a whole training behind each cell."""

from __future__ import annotations

import html
import math
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.explorers.controls import Checked
from lrlab.explorers.frame import Frame, Work
from lrlab.explorers.run_explorer import (
    REPEATABLE,
    SLOW_EPOCH,
    RunExplorer,
    final_loss,
    outcome,
)
from lrlab.explorers.widgets import PictureView
from lrlab.explorers.worker import Worker
from lrlab.figures.heat_map import HeatMap
from lrlab.figures.plot import WIDTHS

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run

_HALF = 330  # pixels, the height of the map and of the curves below it
_STEPS = {"ArrowUp": (1, 0), "ArrowDown": (-1, 0), "ArrowRight": (0, 1), "ArrowLeft": (0, -1)}


class MapExplorer(RunExplorer):
    """A map of the final validation loss over two settings, which fills itself in.

    A whole training stands behind each cell. The chosen cell is trained first, then ever finer
    ones, near the best so far before others. A click, an arrow key or the sliders choose another
    cell, and the picture below shows its curves. Runs that are made are kept.

    A subclass says in `axes` which two controls, of `notches`, go up and across, in `cell` what is
    trained there, and in `schedule` and `label` what that is.

    Args:
        experiment: What to train, any model and data; by default a small network on digits.
        controls: The controls; each can be reached as an attribute of its name.

    Attributes:
        runs: The finished runs, in the order in which they were made.
        values: The final validation loss of each cell, shape (rows, columns); NaN where a run is
            missing, infinity where it diverged.
    """

    frames_per_second = 5.0
    height = _HALF
    hint = "The map: arrow keys choose a cell"
    stopped = "Stopped. Choose an empty cell to go on."

    def __init__(self, experiment: Experiment | None, controls: Sequence[Checked]) -> None:
        self._made: dict[Any, Run] = {}
        self._unfinished: tuple[Any, Run] | None = None  # the cell that is being trained
        self._view = Worker()  # it draws a choice, which need not wait for the training
        self._curves_picture = PictureView(
            width=WIDTHS[0], height=_HALF, alt="No run is chosen yet."
        )
        super().__init__(experiment, controls, below=[self._curves_picture])

    # --- what a subclass says ---

    @property
    @abstractmethod
    def axes(self) -> tuple[str, str]:
        """The names of the controls that go up and across."""

    @abstractmethod
    def cell(self, **values: Any) -> Any:
        """Return the settings with such values of these two controls."""

    def settings(self) -> Any:
        """Return the chosen cell."""
        return self.cell(**{control.name: control.value for control in self._sides()})

    def experiment_of(self, cell: Any) -> Experiment:
        """Return what is trained there."""
        return self.experiment

    @property
    def value_label(self) -> str:
        """What stands above the cells."""
        return f"validation loss after {self.experiment.epochs} epochs"

    def best_in_words(self, cell: Any) -> str:
        """Return where the lowest value stands, as HTML."""
        return f"<b>{html.escape(self.label(cell))}</b>"

    def shown(self) -> Frame[Run | None] | None:
        """Return the run of the chosen cell, if it is made."""
        chosen = self.settings()
        return Frame(self._made[chosen], settings=chosen) if chosen in self._made else None

    @property
    def values(self) -> np.ndarray:
        """The final validation loss of each cell."""
        return self._values(self._sides())

    def _values(self, sides: Sequence[Any]) -> np.ndarray:
        runs = [self._made.get(cell) for cell in self._cells(sides)]
        losses = np.array([np.nan if run is None else final_loss(run) for run in runs])
        return losses.reshape([len(control.stops) for control in sides])

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait until the map is full and drawn, and return the run of the chosen cell, if any.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        super().wait(timeout)
        if not self._view.wait(timeout):
            raise TimeoutError(f"The map was not drawn after {timeout} seconds.")
        return self._made.get(self.settings())

    def let_go(self) -> None:
        """Forget the runs of the map, too."""
        super().let_go()
        self._view.close()
        self._made.clear()
        self._unfinished = None

    def result(self) -> str:
        """Return how much is filled, and the best cell, in one short line."""
        values = self.values
        words = f"{int((~np.isnan(values)).sum())} of {values.size} runs"
        if (best := self._best(self._cells(self._sides()))) is None:
            return words
        run = self._made[best]
        number = f"val_loss={final_loss(run):.4f}" if run.verdict in REPEATABLE else run.verdict
        return f"{words} -> best {self.label(best)}, {number}"

    # --- the cells ---

    def _sides(self) -> list[Any]:
        """The controls that go up and across."""
        return [self._controls[name] for name in self.axes]

    def _cells(self, sides: Sequence[Any]) -> list[Any]:
        """All cells, row by row."""
        up, across = sides
        places = product(up.stops, across.stops)
        return [self.cell(**{up.name: row, across.name: column}) for row, column in places]

    def _missing(self) -> list[Any]:
        """The cells without a run: the chosen one, then those of a coarse grid, then finer ones.

        Of one grid those near to the best so far come first.
        """
        sides = self._sides()
        cells, columns = self._cells(sides), len(sides[1].stops)
        chosen, best = self.settings(), self._best(cells)
        near = divmod(cells.index(best), columns) if best is not None else (0, 0)

        def order(k: int) -> tuple[bool, int, int]:
            row, column = divmod(k, columns)
            grid = next(step for step in (4, 2, 1) if row % step == column % step == 0)
            return cells[k] != chosen, -grid, max(abs(row - near[0]), abs(column - near[1]))

        return [
            cells[k] for k in sorted(range(len(cells)), key=order) if cells[k] not in self._made
        ]

    def _best(self, cells: Sequence[Any]) -> Any:
        """The cell of the lowest value, None for none."""
        losses = {cell: final_loss(self._made[cell]) for cell in cells if cell in self._made}
        finite = {cell: loss for cell, loss in losses.items() if loss < math.inf}
        return min(finite, key=lambda cell: finite[cell], default=None)

    # --- what a person does ---

    def told(self, content: dict[str, Any]) -> None:
        """Take a click or a key from the page."""
        super().told(content)
        controls = self._sides()
        cell: tuple[int, ...] = ()
        if "key" in content:
            steps = zip(controls, _STEPS[content["key"]], strict=True)
            cell = tuple(
                min(max(c.stops.index(c.value) + step, 0), len(c.stops) - 1) for c, step in steps
            )
        elif "x" in content and "map" in self._figures:
            cell = self._figures["map"].cell_at(content["x"], content["y"]) or ()
        if cell:
            self.move(**{c.name: c.stops[k] for c, k in zip(controls, cell, strict=True)})

    def asked(self) -> Any:
        """Return what the map is of: it shows any cell of it that is chosen, trained or not."""
        others = [c.value for name, c in self._controls.items() if name not in self.axes]
        return self.axes, *others

    def controls_moved(self, *names: str) -> None:
        """Show the chosen cell; train it, or another map, where that is missing."""
        if {*names} - {*self.axes} or self.shown() is None:
            super().controls_moved(*names)
        else:
            self._show_code()
        self._view.submit(lambda superseded: self.redraw())

    # --- the work ---

    def work(self, settings: Any) -> Work[Run | None]:
        """Train all cells that are missing."""
        yield self.compiling(settings) or None
        trained, total, began = 0, len(self._cells(self._sides())), time.monotonic()
        while missing := self._missing():
            cell = missing[0]
            words = f"Run {total - len(missing) + 1} of {total}"
            if trained > 1:
                left = (time.monotonic() - began) / (trained - 1) * len(missing)
                words += f", about {left:.0f} s left"
            experiment = self.experiment_of(cell)
            if self._epoch_seconds > SLOW_EPOCH:
                yield self._so_far(f"{words} (epoch 1 of {experiment.epochs})", always=True)
            try:
                with closing(self.follow(cell)) as runs:
                    for run in self.timed(runs):
                        self._start_loss = self._start_loss or run.start_loss
                        self._unfinished = cell, run
                        epoch = f"epoch {len(run.history['loss'])} of {experiment.epochs}"
                        yield self._so_far(f"{words} ({epoch})")
            except GeneratorExit:  # it gives way, perhaps to nothing
                self._unfinished = None
                self.redraw()
                raise
            with self._drawing:
                self._unfinished = None
                self._made[cell] = run
            self.runs.append(run)
            trained += 1
            if trained == 1:  # which may have had to be compiled
                began = time.monotonic()
        yield self._so_far(always=True)

    def _so_far(self, progress: str = "", *, always: bool = False) -> Frame[Run | None]:
        """The map as far as it is filled."""
        best, words = self._best(self._cells(self._sides())), []
        if best is not None:
            loss = final_loss(self._made[best])
            words.append(f"Lowest: <b>{loss:.3g}</b> from {self.best_in_words(best)}.")
        return Frame(None, "<br>".join([*words, progress]), always=always)

    # --- what is shown ---

    def draw(self, settings: Any, shown: Run | None) -> tuple[bytes, str]:
        """Draw the map as far as it is filled, and below it the curves of the chosen cell."""
        self._draw_curves()
        sides, label = self._sides(), self.value_label  # read once: they may change meanwhile
        up, across = sides
        heat_map = self.figure(
            "map",
            HeatMap,
            up.stops,
            across.stops,
            row_label=up.description,
            column_label=across.description,
            value_label=label,
            size=self.size,
            theme=self.theme,
        )
        row, column = (control.stops.index(control.value) for control in sides)
        heat_map.draw(self._values(sides), (row, column))
        return heat_map.png(), heat_map.describe()

    def _draw_curves(self) -> None:
        chosen, words = self.settings(), "This cell is not trained yet."
        run, unfinished = self._made.get(chosen), self._unfinished
        if run is not None:
            words = outcome(run)
        elif unfinished is not None and unfinished[0] == chosen:
            run, words = unfinished[1], "Training the chosen cell …"
        elif not self._curves_picture.value:  # nothing was ever trained
            return
        self.show(*super().draw(chosen, run), words, on=self._curves_picture)


def nearest(numbers: Sequence[float], wanted: float) -> float:
    """Return the number whose ratio to the one that is wanted is nearest to 1."""
    return min(numbers, key=lambda number: abs(math.log(number / wanted)))


def check_some(numbers: Any, name: str) -> None:
    """Raise a ValueError for what is no list of numbers."""
    if np.ndim(numbers) != 1 or not len(numbers):
        raise ValueError(
            f"`{name}` must be a list of one or more numbers. Received: {name}={numbers!r}. "
            f"Try {name}=[0.1, 0.5, 1.0]."
        )
