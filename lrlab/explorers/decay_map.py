"""The map of step decay: where a first rate and a decay factor lead to, all of them at a glance."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import interval_slider, notches
from lrlab.explorers.explorer import Frame, Work
from lrlab.explorers.run_explorer import REPEATABLE, SLOW_EPOCH, RunExplorer, outcome
from lrlab.explorers.step_decay import step_decay_in_words
from lrlab.explorers.widgets import PictureView
from lrlab.explorers.worker import Worker
from lrlab.figures.heat_map import HeatMap
from lrlab.figures.plot import WIDTHS
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run

_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FACTORS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_FIRST = 0.01, 0.1  # the cell to begin with, or the nearest one
_HALF = 330  # pixels, the height of the map and of the curves below it
_HINT = "The map: arrow keys choose a cell"
_STEPS = {"ArrowUp": (1, 0), "ArrowDown": (-1, 0), "ArrowRight": (0, 1), "ArrowLeft": (0, -1)}


class DecayMapExplorer(RunExplorer):
    """A map of the final validation loss over first rate and decay factor, which fills itself in.

    A whole training stands behind each cell. The chosen cell is trained first, then ever finer
    ones. A click, an arrow key or the sliders choose another cell, and the picture below shows its
    curves. Runs that are made are kept. There is no slider for the epochs, for each place of it
    would be another map of as many trainings: give it `experiment.variant(epochs=30)`.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        initial_learning_rates: The first rates, one a row.
        decay_factors: The factors, one a column.
        epochs_per_drop: Where the slider of the interval, in epochs, starts.

    Attributes:
        runs: The finished runs, in the order in which they were made.
        values: The final validation loss of each cell, shape (rates, factors); NaN where a run is
            missing, infinity where it diverged.

    Raises:
        ValueError: If a value is out of its range, see `StepDecay`.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.DecayMapExplorer(
        ...     initial_learning_rates=[0.01, 0.1], decay_factors=[0.1, 0.5, 1.0]
        ... )
        >>> run = explorer.wait()  # of the chosen cell
        >>> explorer.values.shape, len(explorer.runs), run.schedule
        ((2, 3), 6, StepDecay(initial_learning_rate=0.01, decay_factor=0.1, epochs_per_drop=5))
    """

    frames_per_second = 5.0
    height = _HALF
    stopped = "Stopped. Choose an empty cell to go on."

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        initial_learning_rates: Sequence[float] = _RATES,
        decay_factors: Sequence[float] = _FACTORS,
        epochs_per_drop: int = 5,
    ) -> None:
        _check_some(initial_learning_rates, "initial_learning_rates")
        _check_some(decay_factors, "decay_factors")
        rates = [as_learning_rate(r, "initial_learning_rates") for r in initial_learning_rates]
        decays = [StepDecay(rates[0], factor, epochs_per_drop) for factor in decay_factors]
        self._rates = sorted(set(rates))
        self._factors = sorted({decay.decay_factor for decay in decays})
        self._made: dict[StepDecay, Run] = {}
        self._unfinished: tuple[StepDecay, Run] | None = None  # the cell that is being trained
        self._view = Worker()  # it draws a choice, which need not wait for the training
        self._curves_picture = PictureView(
            width=WIDTHS[0], height=_HALF, alt="No run is chosen yet."
        )
        row, column = _nearest(self._rates, _FIRST[0]), _nearest(self._factors, _FIRST[1])
        drop = "The column: what the rate is multiplied by at each drop"
        first = "The row: the learning rate before any drop"
        controls = [
            notches("initial_learning_rate", row, self._rates, first, "first rate"),
            notches("decay_factor", column, self._factors, drop),
            interval_slider(decays[0].epochs_per_drop),
        ]
        super().__init__(experiment, controls, below=[self._curves_picture])
        self._picture.hint = _HINT

    def schedule(self) -> StepDecay:
        """Return the step decay of the chosen cell."""
        return StepDecay(
            self.initial_learning_rate.value, self.decay_factor.value, self.epochs_per_drop.value
        )

    def label(self, settings: StepDecay) -> str:
        """Return the first rate, the factor and the interval in words."""
        return step_decay_in_words(settings)

    def shown(self) -> Frame[Run | None] | None:
        """Return the run of the chosen cell, if it is made."""
        chosen = self.schedule()
        return Frame(self._made[chosen], settings=chosen) if chosen in self._made else None

    @property
    def values(self) -> np.ndarray:
        """The final validation loss of each cell."""
        every = self.epochs_per_drop.value
        runs = [self._made.get(cell) for cell in self._cells(every)]
        losses = np.array([np.nan if run is None else _final_loss(run) for run in runs])
        return losses.reshape(len(self._rates), len(self._factors))

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait until the map is full and drawn, and return the run of the chosen cell, if any.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        super().wait(timeout)
        if not self._view.wait(timeout):
            raise TimeoutError(f"The map was not drawn after {timeout} seconds.")
        return self._made.get(self.schedule())

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
        if (best := self._best()) is None:
            return words
        number = f"val_loss={_final_loss(best):.4f}" if best.verdict in REPEATABLE else best.verdict
        return f"{words} -> best {self.label(_step_decay_of(best))}, {number}"

    # --- the cells ---

    def _cells(self, every: int) -> list[StepDecay]:
        """All cells, row by row."""
        return [StepDecay(rate, factor, every) for rate in self._rates for factor in self._factors]

    def _missing(self, every: int) -> list[StepDecay]:
        """The cells without a run: the chosen one, then those of a coarse grid, then finer ones."""
        cells, columns = self._cells(every), len(self._factors)
        chosen = self.schedule()

        def order(k: int) -> tuple[bool, int]:
            row, column = divmod(k, columns)
            grid = next(step for step in (4, 2, 1) if row % step == column % step == 0)
            return cells[k] != chosen, -grid

        return [
            cells[k] for k in sorted(range(len(cells)), key=order) if cells[k] not in self._made
        ]

    def _best(self) -> Run | None:
        runs = [self._made.get(cell) for cell in self._cells(self.epochs_per_drop.value)]
        finite = [run for run in runs if run is not None and _final_loss(run) < math.inf]
        return min(finite, key=_final_loss, default=None)

    # --- what a person does ---

    def told(self, content: dict[str, Any]) -> None:
        """Take a click or a key from the page."""
        super().told(content)
        controls = self.initial_learning_rate, self.decay_factor
        cell: tuple[int, ...] = ()
        if "key" in content:
            steps = zip(controls, _STEPS[content["key"]], strict=True)
            cell = tuple(
                min(max(c.stops.index(c.value) + step, 0), len(c.stops) - 1) for c, step in steps
            )
        elif "x" in content and "map" in self._figures:
            cell = self._figures["map"].cell_at(content["x"], content["y"]) or ()
        if cell:
            row, column = cell
            self.move(initial_learning_rate=self._rates[row], decay_factor=self._factors[column])

    def asked(self) -> int:
        """Return the interval: the map shows any cell of it that is chosen, trained or not."""
        every: int = self.epochs_per_drop.value
        return every

    def controls_moved(self, *names: str) -> None:
        """Show the chosen cell; train it, or the map of another interval, where that is missing."""
        if "epochs_per_drop" in names or self.shown() is None:
            super().controls_moved(*names)
        else:
            self._show_code()
        self._view.submit(lambda superseded: self.redraw())

    # --- the work ---

    def work(self, settings: StepDecay) -> Work[Run | None]:
        """Train all cells that are missing."""
        every = settings.epochs_per_drop
        yield self.compiling(settings) or None
        trained, total, began = 0, len(self._cells(every)), time.monotonic()
        while missing := self._missing(every):
            cell = missing[0]
            words = f"Run {total - len(missing) + 1} of {total}"
            if trained > 1:
                left = (time.monotonic() - began) / (trained - 1) * len(missing)
                words += f", about {left:.0f} s left"
            if self._epoch_seconds > SLOW_EPOCH:
                yield self._so_far(f"{words} (epoch 1 of {self.experiment.epochs})", always=True)
            try:
                with closing(self.follow(cell)) as runs:
                    for run in self.timed(runs):
                        self._start_loss = self._start_loss or run.start_loss
                        self._unfinished = cell, run
                        epoch = f"epoch {len(run.history['loss'])} of {self.experiment.epochs}"
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
        best, words = self._best(), []
        if best is not None:
            decay = _step_decay_of(best)
            words.append(
                f"Lowest: <b>{_final_loss(best):.3g}</b> from a first rate of "
                f"<b>{decay.initial_learning_rate:.3g}</b>, times <b>{decay.decay_factor:.3g}</b> "
                f"every {decay.epochs_per_drop} epochs."
            )
        return Frame(None, "<br>".join([*words, progress]), always=always)

    # --- what is shown ---

    def draw(self, settings: StepDecay, shown: Run | None) -> tuple[bytes, str]:
        """Draw the map as far as it is filled, and below it the curves of the chosen cell."""
        self._draw_curves()
        heat_map = self.figure("map", self._new_map)
        chosen = self.schedule()
        row = self._rates.index(chosen.initial_learning_rate)
        heat_map.draw(self.values, (row, self._factors.index(chosen.decay_factor)))
        return heat_map.png(), heat_map.describe()

    def _draw_curves(self) -> None:
        chosen, words = self.schedule(), "This cell is not trained yet."
        run, unfinished = self._made.get(chosen), self._unfinished
        if run is not None:
            words = outcome(run)
        elif unfinished is not None and unfinished[0] == chosen:
            run, words = unfinished[1], "Training the chosen cell …"
        elif not self._curves_picture.value:  # nothing was ever trained
            return
        self.show(*super().draw(chosen, run), words, on=self._curves_picture)

    def _new_map(self) -> HeatMap:
        return HeatMap(
            self._rates,
            self._factors,
            row_label="first rate",
            column_label="decay factor",
            value_label=f"validation loss after {self.experiment.epochs} epochs",
            size=self.size,
            theme=self.theme,
        )


def _step_decay_of(run: Run) -> StepDecay:
    assert isinstance(run.schedule, StepDecay)
    return run.schedule


def _final_loss(run: Run) -> float:
    """The last validation loss, infinity for what diverged."""
    loss = run.final.get("val_loss", run.final["loss"])
    return loss if run.verdict != "diverged" and math.isfinite(loss) else math.inf


def _nearest(numbers: Sequence[float], wanted: float) -> float:
    return min(numbers, key=lambda number: abs(math.log(number / wanted)))


def _check_some(numbers: Any, name: str) -> None:
    if np.ndim(numbers) != 1 or not len(numbers):
        raise ValueError(
            f"`{name}` must be a list of one or more numbers. Received: {name}={numbers!r}. "
            f"Try {name}=[0.1, 0.5, 1.0]."
        )
