"""The map of step decay: where a first rate and a decay factor lead to, all of them at a glance."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import interval_slider, notches
from lrlab.explorers.explorer import SIZE
from lrlab.explorers.run_explorer import _REPEATABLE, _SLOW_EPOCH, Explorer, outcome
from lrlab.explorers.widgets import Picture
from lrlab.explorers.worker import Job, Superseded, Worker
from lrlab.figures.curves import Curves, CurvesFigure
from lrlab.figures.heat_map import HeatMap
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    from lrlab.experiment.experiment import Experiment, Run

_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FACTORS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_FIRST = 0.01, 0.1  # the cell to begin with, or the nearest one
_HEIGHT = 330  # pixels, of the map and of the curves below it
_HINT = "The map: arrow keys choose a cell"
_MOVES = {"ArrowUp": (1, 0), "ArrowDown": (-1, 0), "ArrowRight": (0, 1), "ArrowLeft": (0, -1)}
_SECONDS_A_FRAME = 1 / 5


class DecayMapExplorer(Explorer):
    """A map of the final validation loss over first rate and decay factor, which fills itself in.

    A whole training stands behind each cell. The chosen cell is trained first, then ever finer
    ones. A click, an arrow key or the sliders choose another cell, and the picture below shows its
    curves. Runs that are made are kept.

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
        self._unfinished: Run | None = None
        self._progress_words = ""
        self._heat_map: HeatMap | None = None
        self._choosing = False
        self._view = Worker()  # it draws, so that a choice need not wait for the training
        self._curves_picture = Picture(width=SIZE[0], height=_HEIGHT, alt="No run is chosen yet.")
        rate, factor = _nearest(self._rates, _FIRST[0]), _nearest(self._factors, _FIRST[1])
        super().__init__(
            experiment,
            {
                "initial_learning_rate": notches(
                    "first rate", rate, self._rates, "The row: the learning rate before any drop"
                ),
                "decay_factor": notches(
                    *("decay factor", factor, self._factors),
                    "The column: what the rate is multiplied by at each drop",
                ),
                "epochs_per_drop": interval_slider("epochs per drop", decays[0].epochs_per_drop),
            },
        )
        self._picture.on_msg(self._asked)
        children: list[ipywidgets.Widget] = list(self.children)  # type: ignore[has-type]
        place = children.index(self._picture) + 1
        self.children = [*children[:place], self._curves_picture, *children[place:]]

    def curves_picture(self) -> Picture:
        """Return the lower picture."""
        return self._curves_picture

    def new_figure(self, start_loss: float) -> CurvesFigure:
        """Return a figure that is lower than usual, to stand below the map."""
        look = self.look(start_loss) | {"size": (SIZE[0], _HEIGHT)}
        return CurvesFigure(self.experiment.epochs, **look)

    def new_picture(self) -> Picture:
        """Return the widget of the map."""
        alt = "The first run is on its way."
        return Picture(width=SIZE[0], height=_HEIGHT, alt=alt, hint=_HINT)

    def schedule(self) -> StepDecay:
        """Return the step decay of the chosen cell."""
        return StepDecay(
            self.initial_learning_rate.value, self.decay_factor.value, self.epochs_per_drop.value
        )

    def label(self, schedule: Any) -> str:
        """Return the first rate, the factor and the interval in words."""
        first, factor = schedule.initial_learning_rate, schedule.decay_factor
        return f"{first:.3g} × {factor:.3g} / {schedule.epochs_per_drop}"

    def shown(self) -> Run | None:
        """Return the run of the chosen cell, if it is made."""
        return self._made.get(self.schedule())

    @property
    def values(self) -> np.ndarray:
        """The final validation loss of each cell."""
        every = self.epochs_per_drop.value
        runs = [self._made.get(cell) for cell in self._cells(every)]
        losses = np.array([np.nan if run is None else _final_loss(run) for run in runs])
        return losses.reshape(len(self._rates), len(self._factors))

    def job(self) -> Job:
        """Return the training of all cells that are missing."""
        return partial(self._fill, self.epochs_per_drop.value)

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait until the map is full and drawn, and return the run of the chosen cell, if any.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        super().wait(timeout)
        if not self._view.wait(timeout):
            raise TimeoutError(f"The map was not drawn after {timeout} seconds.")
        return self.shown()

    def result(self) -> str:
        """Return how much is filled, and the best cell, in one short line."""
        values = self.values
        words = f"{int((~np.isnan(values)).sum())} of {values.size} runs"
        if (best := self._best()) is None:
            return words
        number = (
            f"val_loss={_final_loss(best):.4f}" if best.verdict in _REPEATABLE else best.verdict
        )
        return f"{words} -> best {self.label(best.schedule)}, {number}"

    def theme_changed(self) -> None:
        """Draw again: the page has become dark or light."""
        with self._drawing:
            self._figure = None
            shown, self._heat_map = self._heat_map, None
        if shown:
            self._view.submit(self._redraw)

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

    def _asked(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        """Take a click or a key from the page."""
        controls = self.initial_learning_rate, self.decay_factor
        if "key" in content:
            moves = zip(controls, _MOVES[content["key"]], strict=True)
            cell = tuple(min(max(c.index + m, 0), len(c.options) - 1) for c, m in moves)
        else:
            with self._drawing:
                place = content["x"], content["y"]
                cell = (self._heat_map and self._heat_map.cell_at(*place)) or ()
        if not cell:
            return
        self._choosing = True
        try:
            for control, index in zip(controls, cell, strict=True):
                control.index = index
        finally:
            self._choosing = False
        self._control_moved(None)

    def _control_moved(self, change: Any) -> None:
        if self._choosing:  # of two settings only one has changed yet
            return
        if (change and change["owner"] is self.epochs_per_drop) or self.shown() is None:
            self.run()
        else:
            self._show_code()
        if self._heat_map:
            self._view.submit(self._redraw)

    def say_stopped(self) -> None:
        """Write that it has stopped, after the picture that is due, which has words as well."""
        self._view.wait()
        super().say_stopped()

    # --- what happens then ---

    def _fill(self, every: int, superseded: Superseded) -> None:
        try:
            if words := self.compiling(self.schedule()):
                self.say(words)
            began, drawn, total = time.monotonic(), -math.inf, len(self._cells(every))
            epoch_began = began

            def tell(epoch: int) -> None:
                nonlocal drawn
                drawn = time.monotonic()
                words = f"Run {total - len(missing) + 1} of {total}"
                if trained > 1:
                    left = (drawn - began) / (trained - 1) * len(missing)
                    words += f", about {left:.0f} s left"
                self._progress_words = f"{words} (epoch {epoch} of {self.experiment.epochs})"
                self._view.submit(self._redraw)

            for trained in range(total):
                missing = self._missing(every)
                if not missing:
                    break
                if trained == 1:  # the first may have had to be compiled
                    began = time.monotonic()
                chosen = self.schedule()
                if self._epoch_seconds > _SLOW_EPOCH:
                    tell(1)
                with closing(self.follow(missing[0])) as runs:
                    for run in runs:
                        if superseded():
                            return
                        if missing[0] == chosen:
                            self._unfinished = run
                        now = time.monotonic()
                        self._epoch_seconds, epoch_began = now - epoch_began, now
                        if now - drawn > _SECONDS_A_FRAME:
                            tell(len(run.history["loss"]))
                self._unfinished, self.error = None, None
                self._made[missing[0]] = run
                self.runs.append(run)
            self._progress_words = ""
            self._redraw(superseded)
        except Exception as error:  # noqa: BLE001 - whatever somebody's model raises, they read it
            if not superseded():
                self._view.wait()  # or a picture that is due would write over the words
                self.report(error)
        finally:
            self._progress_words, self._unfinished = "", None

    def _redraw(self, superseded: Superseded) -> None:
        """Draw the map as far as it is filled, and the curves of the chosen cell."""
        run, chosen = self.shown(), self._unfinished
        start = run or chosen or (self.runs[-1] if self.runs else None)
        with self._drawing:
            if self._heat_map is None:
                self._heat_map = HeatMap(
                    *(self._rates, self._factors),
                    row_label="first rate",
                    column_label="decay factor",
                    value_label=f"validation loss after {self.experiment.epochs} epochs",
                    size=(SIZE[0], _HEIGHT),
                    theme=self.theme,
                )
            cell = self.initial_learning_rate.index, self.decay_factor.index
            self._heat_map.draw(self.values, cell)
            self.show(self._heat_map.png(), self._heat_map.describe(), self._words())
        if run:
            self._draw(run, outcome(run))
        elif chosen:
            self._draw(chosen, "Training the chosen cell …")
        elif start:
            nothing = Curves({"loss": ()}, np.empty(0))
            words = "This cell is not trained yet."
            self._draw_curves(None, nothing, start.start_loss, words=words)

    def _words(self) -> str:
        best, words = self._best(), []
        if best is not None:
            decay: Any = best.schedule
            words.append(
                f"Lowest: <b>{_final_loss(best):.3g}</b> from a first rate of "
                f"<b>{decay.initial_learning_rate:.3g}</b>, times <b>{decay.decay_factor:.3g}</b> "
                f"every {decay.epochs_per_drop} epochs."
            )
        return "<br>".join([*words, self._progress_words])


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
