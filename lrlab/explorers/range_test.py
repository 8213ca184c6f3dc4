"""The range test: what it suggests, held against what full trainings at every rate come to."""

from __future__ import annotations

import html
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrlab.checks import as_learning_rate, as_whole_number
from lrlab.explorers import run_explorer as base
from lrlab.explorers.controls import rate_slider, smoothing_slider
from lrlab.explorers.explorer import SIZE, Panel
from lrlab.explorers.pins import Pinning, Row
from lrlab.explorers.worker import Job, Superseded
from lrlab.figures.rates import Measured, RangeFigure, describe_range_test

if TYPE_CHECKING:
    import keras

    from lrlab.callbacks.range_test import LearningRateRangeTest
    from lrlab.experiment.experiment import Experiment

_PER_DECADE = 4  # rates at which full trainings are measured
_SECONDS_A_FRAME = 1 / 10
_SECONDS_A_STEP = 1 / 4  # or more, from one word on the steps of a test to the next


class RangeTest(NamedTuple):
    """A range test with its settings, as a pin keeps it."""

    lowest: float
    highest: float
    smoothing: float
    measured: Measured


class RangeTestExplorer(Pinning[RangeTest], Panel):
    """A range test between two rates, its suggestion, and the truth behind it.

    First the rate rises a batch at a time, see `LearningRateRangeTest`. Then whole trainings at
    rates all along the range measure where it is best, each from several seeds: their validation
    losses fill in as they finish. Those that are done are kept when a slider moves. A pin keeps a
    test in the table below, not in the picture: two tests overlap there.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        lowest: Where the slider of the first rate starts.
        highest: Where the slider of the last rate starts.
        smoothing: Where the slider of the smoothing starts, from 0 to 0.98.
        steps: Batches that a range test takes; no more than the experiment has.
        seeds: From how many starts each rate is trained.

    Attributes:
        measured: What the picture shows, with `.suggestion` and `.best`; None before the first.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.RangeTestExplorer(seeds=1)
        >>> measured = explorer.wait()
        >>> 0.01 < measured.suggestion < measured.best
        True
    """

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        lowest: float = 1e-4,
        highest: float = 10.0,
        smoothing: float = 0.8,
        steps: int = 100,
        seeds: int = 3,
    ) -> None:
        if experiment is not None:
            base._check_experiment(experiment)
        self._experiment = experiment
        self._steps = as_whole_number(steps, "steps", 2)
        self._seeds = as_whole_number(seeds, "seeds", 1)
        _check_range(as_learning_rate(lowest, "lowest"), as_learning_rate(highest, "highest"))
        self.measured: Measured | None = None
        self.reason = ""
        self._shown: RangeTest | None = None
        self._start_loss = 0.0
        self._drawing = threading.Lock()
        self._figure: RangeFigure | None = None
        self._tests: dict[tuple[float, float], LearningRateRangeTest] = {}
        self._final: dict[float, dict[int, float]] = {}  # by rate, then by seed
        controls = {
            "lowest": rate_slider("lowest rate", lowest),
            "highest": rate_slider("highest rate", highest),
            "smoothing": smoothing_slider("smoothing", smoothing),
        }
        Pinning.__init__(self)
        Panel.__init__(self, controls, buttons=self._pin_buttons(), below=[self._pin_table])

    @property
    def experiment(self) -> Experiment:
        """What is trained. The default one is made when it is first needed, by the worker."""
        if self._experiment is None:
            self._experiment = base._default_experiment()
        return self._experiment

    def job(self) -> Job:
        """Return the range test with the present settings, then the trainings not done yet."""
        lowest, highest = self.lowest.value, self.highest.value
        smoothing = self.smoothing.value
        _check_range(lowest, highest)

        def job(superseded: Superseded) -> None:
            try:
                self._test(lowest, highest, smoothing, superseded)
            except Exception as error:  # noqa: BLE001 - whatever a model raises, they read it
                if not superseded():
                    self.report(error)

        return job

    def wait(self, timeout: float | None = None) -> Measured | None:
        """Wait until the test and all trainings are done, and return what was measured.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        if not self._worker.wait(timeout):
            raise TimeoutError(f"The trainings were not done after {timeout} seconds.")
        return self.measured

    @property
    def code(self) -> str:
        """The plain Keras program that makes the same range test."""
        test = self._new_test(self.lowest.value, self.highest.value, self.smoothing.value)
        return self.experiment.code(test.lowest, callbacks=[test])

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if self.measured is None:
            return "stopped"
        suggestion, best = self.measured.suggestion, self.measured.best
        found = "no suggestion" if suggestion is None else f"suggests {suggestion:.1g}"
        truth = "" if best is None else f", lowest validation loss at {best:.1g}"
        return f"{self.lowest.value:.3g} to {self.highest.value:.3g} -> {found}{truth}"

    def theme_changed(self) -> None:
        """Draw again: the page has become dark or light."""
        with self._drawing:
            self._figure = None
        if self.measured:
            self._draw(self.measured)

    def shown(self) -> RangeTest | None:
        """Return the test that the picture shows."""
        return self._shown

    def pin_label(self, shown: RangeTest) -> str:
        """Return the range and the smoothing."""
        return f"{shown.lowest:.2g} … {shown.highest:.2g}, {shown.smoothing:.2f}"

    def pin_row(self, kept: RangeTest) -> Row:
        """Return the settings of the test, its suggestion and the rate that was found best."""
        lowest, highest, smoothing, measured = kept
        settings = {"lowest": lowest, "highest": highest, "smoothing": smoothing}
        return {**settings, "suggestion": measured.suggestion, "best": measured.best}

    def draw_pins(self) -> None:
        """Draw nothing: the pins are in the table alone."""

    # --- what happens then ---

    def _new_test(self, lowest: float, highest: float, smoothing: float) -> LearningRateRangeTest:
        from lrlab.callbacks.range_test import LearningRateRangeTest

        steps = min(self._steps, self.experiment.epochs * self.experiment.steps_per_epoch)
        return LearningRateRangeTest(lowest, highest, steps=steps, smoothing=smoothing)

    def _test(
        self, lowest: float, highest: float, smoothing: float, superseded: Superseded
    ) -> None:
        test = self._tests.get((lowest, highest))
        if test is None:
            self.say("Compiling the model, once …" if not self._tests else "Testing …")
            test = self._new_test(lowest, highest, smoothing)
            callbacks = [test, self._telling(test)]
            with closing(self.experiment.follow(lowest, callbacks=callbacks)) as runs:
                for run in runs:
                    if superseded():
                        return
                    self._start_loss = run.start_loss
            self._tests[lowest, highest] = test
        self.error = None
        self._measure(test, smoothing, superseded)

    def _telling(self, test: LearningRateRangeTest) -> keras.callbacks.Callback:
        """A callback that says how far a slow test is."""
        from lrlab.backend import keras

        told = time.monotonic()

        def tell(batch: int, logs: Any) -> None:
            nonlocal told
            if time.monotonic() - told > _SECONDS_A_STEP:
                told = time.monotonic()
                self.say(f"Testing, step {len(test.losses)} of {test.steps}")

        return keras.callbacks.LambdaCallback(on_train_batch_end=tell)

    def _measure(
        self, test: LearningRateRangeTest, smoothing: float, superseded: Superseded
    ) -> None:
        """Train at every rate of the range from every seed, and show each when it is done."""
        rates = _grid(test.lowest, test.highest)
        every = range(self.experiment.seed, self.experiment.seed + self._seeds)
        wanted = [(r, s) for s in every for r in rates if s not in self._final.get(r, {})]
        began, drawn = time.monotonic(), -np.inf
        for done, (rate, seed) in enumerate(wanted):
            now = time.monotonic()
            if now - drawn > _SECONDS_A_FRAME:
                drawn = now
                words = f"Training {done + 1} of {len(wanted)}"
                if done:
                    words += f", about {(now - began) / done * (len(wanted) - done):.0f} s left"
                self._show_test(test, smoothing, words)
            with closing(self.experiment.follow(rate, seed=seed)) as runs:
                for run in runs:
                    if superseded():
                        return
                    last = run
            lost = last.verdict == "diverged"
            self._final.setdefault(rate, {})[seed] = np.nan if lost else last.final["val_loss"]
        self._show_test(test, smoothing)

    def _show_test(self, test: LearningRateRangeTest, smoothing: float, progress: str = "") -> None:
        from lrlab.callbacks.range_test import suggest

        suggestion, self.reason = suggest(test.learning_rates, test.losses, smoothing)
        rates = [rate for rate in _grid(test.lowest, test.highest) if rate in self._final]
        self.measured = Measured(
            test.learning_rates,
            test.losses,
            test.smoothed(smoothing),
            suggestion,
            {rate: list(self._final[rate].values()) for rate in rates},
        )
        self._shown = RangeTest(test.lowest, test.highest, smoothing, self.measured)
        self._draw(self.measured, self._words(progress))

    def _draw(self, measured: Measured, words: str | None = None) -> None:
        with self._drawing:
            if self._figure is None:
                self._figure = RangeFigure(
                    self._start_loss,
                    f"validation loss after {self.experiment.epochs} epochs",
                    rates=(10.0**self.lowest.min, 10.0**self.highest.max),
                    size=SIZE,
                    theme=self.theme,
                )
            self._figure.draw(measured)
            self.show(self._figure.png(), describe_range_test(measured), words)

    def _words(self, progress: str) -> str:
        assert self.measured is not None
        suggestion, best = self.measured.suggestion, self.measured.best
        words = html.escape(self.reason)
        if suggestion is not None:
            words = f"Suggested rate <b>{suggestion:.2g}</b>: {words}"
        if best is not None:
            lowest = self.measured.middles[best]
            words += f"<br>Trained in full, <b>{best:.2g}</b> is best: validation loss {lowest:.3g}"
            words += f" (median of {self._seeds} starts)." if self._seeds > 1 else "."
        return f"{words}<br>{progress}" if progress else words


def _grid(lowest: float, highest: float) -> list[float]:
    """Rates at fixed places, so that a slider that moves leaves most of them as they were."""
    first = int(np.ceil(_PER_DECADE * np.log10(lowest) - 1e-9))
    last = int(np.floor(_PER_DECADE * np.log10(highest) + 1e-9))
    return [float(f"{10 ** (k / _PER_DECADE):.3g}") for k in range(first, last + 1)]


def _check_range(lowest: Any, highest: Any) -> None:
    if not lowest < highest:
        raise ValueError(
            "The lowest rate must be below the highest, for the rate rises in the test. Received: "
            f"{lowest:.3g} and {highest:.3g}. Move the two apart."
        )
