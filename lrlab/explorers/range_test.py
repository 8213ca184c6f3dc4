"""The range test: what it suggests, held against what full trainings at every rate come to."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrlab.checks import as_learning_rate, as_whole_number
from lrlab.explorers.controls import number_slider, rate_slider, training_length, usual_epochs
from lrlab.explorers.frame import Frame, Work
from lrlab.explorers.run_explorer import ExperimentExplorer
from lrlab.figures.ink import rounded
from lrlab.figures.rates import Measured, RangeFigure, describe_range_test

if TYPE_CHECKING:
    import keras

    from lrlab.callbacks import LearningRateRangeTest
    from lrlab.experiment import Experiment

_PER_DECADE = 4  # rates at which full trainings are measured
# A suggestion is doubtful where trainings stay behind the best by so much of what there is to gain.
_FAR = 0.25
_SECONDS_A_STEP = 1 / 4  # or more, from one word on the steps of a test to the next


class Settings(NamedTuple):
    """What the sliders stand for."""

    lowest: float
    highest: float
    smoothing: float
    epochs: int


class RangeTestExplorer(ExperimentExplorer[Measured]):
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
        epochs: How long these trainings last first; by default as long as those of the experiment.

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

    frames_per_second = 10.0
    unfinished = "The trainings were not done"

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        lowest: float = 1e-4,
        highest: float = 10.0,
        smoothing: float = 0.8,
        steps: int = 100,
        seeds: int = 3,
        epochs: int | None = None,
    ) -> None:
        self._steps = as_whole_number(steps, "steps", 2)
        self._seeds = as_whole_number(seeds, "seeds", 1)
        _check_range(as_learning_rate(lowest, "lowest"), as_learning_rate(highest, "highest"))
        self.measured: Measured | None = None
        self.reason = ""
        self._start_loss = 0.0
        self._tests: dict[tuple[float, float, int], LearningRateRangeTest] = {}
        self._final: dict[tuple[float, int], dict[int, float]] = {}  # by rate and epochs, then seed
        tooltip = "How much of the earlier losses each smoothed loss keeps"
        controls = [
            rate_slider("lowest", lowest, "lowest rate"),
            rate_slider("highest", highest, "highest rate"),
            number_slider("smoothing", smoothing, 0, 0.98, tooltip, step=0.02),
            training_length(experiment, epochs),
        ]
        super().__init__(experiment, controls)

    def settings(self) -> Settings:
        """Read the controls.

        Raises:
            ValueError: Unless the lowest rate is below the highest.
        """
        _check_range(self.lowest.value, self.highest.value)
        return Settings(*(control.value for control in self._controls.values()))

    def wait(self, timeout: float | None = None) -> Measured | None:
        """Wait until the test and all trainings are done, and return what was measured.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        super().wait(timeout)
        return self.measured

    def let_go(self) -> None:
        """Forget the tests, too."""
        super().let_go()
        self._tests.clear()
        self.measured = None

    @property
    def code(self) -> str:
        """The plain Keras program that makes the same range test."""
        test = self._new_test(self.settings())
        return self.experiment.code(test.lowest, callbacks=[test])

    def label(self, settings: Settings) -> str:
        """Return the range, the smoothing, and the epochs where these are others."""
        low, high, smoothing, epochs = settings
        words = f"{low:.3g} to {high:.3g}, smoothing {smoothing:.3g}"
        usual = usual_epochs(self._experiment)
        return words if epochs == usual else f"{words}, {epochs} epochs"

    def row(self, settings: Settings, shown: Measured) -> Mapping[str, Any]:
        """Return the settings of the test, its suggestion and the rate that was found best."""
        return {**settings._asdict(), "suggestion": shown.suggestion, "best": shown.best}

    def pins_changed(self) -> None:
        """Put the pins into the table alone: two tests overlap in a picture."""
        self.list_pins()

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if self.measured is None:
            return "stopped"
        suggestion, best = self.measured.suggestion, self.measured.best
        found = "no suggestion" if suggestion is None else f"suggests {suggestion:.1g}"
        truth = "" if best is None else f", lowest validation loss at {best:.1g}"
        return f"{self.lowest.value:.3g} to {self.highest.value:.3g} -> {found}{truth}"

    # --- the work ---

    def work(self, settings: Settings) -> Work[Measured]:
        """Make the range test, then the trainings that are not done yet."""
        steps = self._steps_of(settings)
        key = settings.lowest, settings.highest, steps
        test = self._tests.get(key)
        if test is None:
            yield "Compiling the model, once …" if not self._tests else "Testing …"
            test = self._new_test(settings)
            run = yield from self.train(test.lowest, callbacks=[test, self._telling(test)])
            self._start_loss = run.start_loss
            self._tests[key] = test
        rates = _grid(settings.lowest, settings.highest)
        every = range(self.experiment.seed, self.experiment.seed + self._seeds)
        epochs, final = settings.epochs, self._final
        wanted = [(r, s) for s in every for r in rates if s not in final.get((r, epochs), {})]
        began = time.monotonic()
        for done, (rate, seed) in enumerate(wanted):
            words = f"Training {done + 1} of {len(wanted)}"
            if done:
                left = (time.monotonic() - began) / done * (len(wanted) - done)
                words += f", about {left:.0f} s left"
            yield self._measured(test, settings, words, always=not done)
            run = yield from self.train(rate, seed=seed)
            lost = run.verdict == "diverged"
            loss = np.nan if lost else run.final["val_loss"]
            final.setdefault((rate, epochs), {})[seed] = loss
        yield self._measured(test, settings, always=True)

    def _steps_of(self, settings: Settings) -> int:
        """How many steps a test can take."""
        from lrlab.callbacks.range_test import batches_an_update

        experiment = self.experiment
        batches = settings.epochs * experiment.steps_per_epoch
        return max(2, min(self._steps, batches // batches_an_update(experiment.model.optimizer)))

    def _new_test(self, settings: Settings) -> LearningRateRangeTest:
        from lrlab.callbacks import LearningRateRangeTest

        low, high, smoothing, _ = settings
        steps = self._steps_of(settings)
        test = LearningRateRangeTest(low, high, steps=steps, smoothing=smoothing)
        test.set_model(self.experiment.model)  # which its code depends on
        return test

    def _telling(self, test: LearningRateRangeTest) -> keras.callbacks.Callback:
        """A callback that says how far a slow test is."""
        from lrlab.backend import keras

        told = time.monotonic()

        def tell(batch: int, logs: Any) -> None:
            nonlocal told
            if time.monotonic() - told > _SECONDS_A_STEP:
                told = time.monotonic()
                self.say(f"Testing, step {len(test.losses) + 1} of {test.steps}")

        return keras.callbacks.LambdaCallback(on_train_batch_begin=tell)

    # --- what is shown ---

    def _measured(
        self,
        test: LearningRateRangeTest,
        settings: Settings,
        progress: str = "",
        *,
        always: bool = False,
    ) -> Frame[Measured]:
        """What is measured so far."""
        from lrlab.callbacks.suggestion import suggest

        found, self.reason = suggest(test.learning_rates, test.losses, settings.smoothing)
        done = {rate: self._final.get((rate, settings.epochs)) for rate in _grid(*settings[:2])}
        self.measured = Measured(
            test.learning_rates,
            test.losses,
            test.smoothed(settings.smoothing),
            found["minimum"],
            {rate: list(losses.values()) for rate, losses in done.items() if losses},
        )
        return Frame(self.measured, self._words(self.measured, progress), always=always)

    def draw(self, settings: Settings, shown: Measured) -> tuple[bytes, str]:
        """Draw the test, and the losses of the trainings."""
        name = f"validation loss after {settings.epochs} epochs"
        if "rates" in self._figures and self._figures["rates"].final_name != name:
            del self._figures["rates"]
        figure = self.figure("rates", partial(self._new_figure, name))
        figure.draw(shown)
        return figure.png(), describe_range_test(shown)

    def _new_figure(self, name: str) -> RangeFigure:
        return RangeFigure(
            self._start_loss,
            name,
            rates=(self.lowest.min, self.highest.max),
            size=self.size,
            theme=self.theme,
        )

    def _words(self, measured: Measured, progress: str) -> str:
        suggestion, best = measured.suggestion, measured.best
        words = html.escape(self.reason)
        if suggestion is not None:
            words = f"Suggested rate <b>{suggestion:.2g}</b>: {words}"
        if best is not None:
            lowest = measured.middles[best]
            words += f"<br>Trained in full, <b>{best:.2g}</b> "
            if progress:
                words += "is best so far"
            elif measured.edge:
                words += f"ends lowest, but is the {measured.edge} that was tried"
            else:
                words += "is best"
            words += f": validation loss {lowest:.3g}"
            words += f" (median of {self._seeds} starts)." if self._seeds > 1 else "."
        if progress:
            return f"{words}<br>{progress}"
        doubt = self._doubt(measured)
        return f"{words}<br>{doubt}" if doubt else words

    def _doubt(self, measured: Measured) -> str:
        """What the trainings say against the suggestion."""
        suggestion, best = measured.suggestion, measured.best
        if suggestion is None or best is None:
            return ""
        near = min(measured.final, key=lambda rate: abs(np.log(rate / suggestion)))
        if not 0.5 <= near / suggestion <= 2:
            return "No training was made near the suggested rate."
        lowest, loss = measured.middles[best], measured.middles[near]
        if loss <= lowest + _FAR * abs(self._start_loss - lowest):
            return ""
        ends = f"ends at {loss:.3g}" if np.isfinite(loss) else "diverges"
        return (
            f"But a training at {near:.2g}, near the suggested rate, {ends}: believe the "
            f"trainings. The test saw {len(measured.losses)} steps alone."
        )


def _grid(lowest: float, highest: float) -> list[float]:
    """Rates at fixed places, so that a slider that moves leaves most of them as they were."""
    first = int(np.ceil(_PER_DECADE * np.log10(lowest) - 1e-9))
    last = int(np.floor(_PER_DECADE * np.log10(highest) + 1e-9))
    return [rounded(10 ** (k / _PER_DECADE), 3) for k in range(first, last + 1)]


def _check_range(lowest: Any, highest: Any) -> None:
    if not lowest < highest:
        raise ValueError(
            "The lowest rate must be below the highest, for the rate rises in the test. Received: "
            f"{lowest:.3g} and {highest:.3g}. Move the two apart."
        )
