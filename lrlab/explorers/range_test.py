"""Range tests: what they suggest, compared with what full trainings at every rate come to."""

from __future__ import annotations

import html
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.checks import as_learning_rate, as_whole_number
from lrlab.explorers.controls import (
    choice,
    number_slider,
    rate_slider,
    training_length,
    usual_epochs,
)
from lrlab.explorers.frame import Frame, Work
from lrlab.explorers.range_settings import (
    OF_THE_TEST,
    VALUES,
    Settings,
    check_range,
    over_values,
)
from lrlab.explorers.run_explorer import ExperimentExplorer
from lrlab.figures.rates import RULES, Measured, RangeFigure, describe_range_test

if TYPE_CHECKING:
    import keras

    from lrlab.callbacks import LearningRateRangeTest
    from lrlab.experiment import Experiment

# A suggestion is doubtful where trainings stay behind the best by so much of what there is to gain.
_FAR = 0.25
_SECONDS_A_STEP = 1 / 4  # or more, from one word on the steps of a test to the next


class RangeTestExplorer(ExperimentExplorer[Measured]):
    """A range test between two rates, what three rules suggest, and the truth behind it.

    First the rate rises a batch at a time, see `LearningRateRangeTest`, from each of several seeds:
    above the picture stands what each rule suggests, a mark a seed. Then whole trainings at
    rates all along the range measure where it is best, each from these seeds: their validation
    losses fill in as they finish. Those that are done are kept when a slider moves. A pin keeps a
    test in the table below, not in the picture: two tests overlap there.

    Momentum and weight decay are tested by such trainings alone, at several values and one rate.
    Keras fixes both as it compiles a step; and Smith, who tried a momentum that rises in a
    training, found that it does not show which momentum is best, and that short runs do.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        lowest: Where the slider of the first rate starts.
        highest: Where the slider of the last rate starts.
        smoothing: Where the slider of the smoothing starts, from 0 to 0.98.
        steps: Batches that a range test takes; no more than the experiment has.
        seeds: From how many starts each rate is trained.
        epochs: How long these trainings last first; by default as long as those of the experiment.
        setting: What is tested first, "learning_rate", "momentum" (of optimizers that have one) or
            "weight_decay".
        scale: On which the rate rises first, "log" or "linear".
        monitor: What the test looks at first, "loss" of each batch, or "val_loss".
        every: Updates from one look, and one rate, to the next.
        learning_rate: Where the slider of the rate starts at which momenta and weight decays are
            tested.

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
        >>> list(measured.suggestions)
        ['minimum', 'steepest', 'valley']

    Source: L. N. Smith, "A disciplined approach to neural network hyper-parameters: Part 1",
    https://arxiv.org/abs/1803.09820, on momentum and weight decay.
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
        setting: str = "learning_rate",
        scale: str = "log",
        monitor: str = "loss",
        every: int = 1,
        learning_rate: float = 0.1,
    ) -> None:
        self._steps = as_whole_number(steps, "steps", 2)
        self._every = as_whole_number(every, "every", 1)
        self._seeds = as_whole_number(seeds, "seeds", 1)
        check_range(as_learning_rate(lowest, "lowest"), as_learning_rate(highest, "highest"))
        self.measured: Measured | None = None
        self.reason = ""
        self._start_loss = 0.0  # of the first start
        self._tests: dict[tuple[Any, ...], LearningRateRangeTest] = {}
        # By what was tried, at which rate and for how many epochs, then by seed.
        self._final: dict[tuple[Any, ...], dict[int, float]] = {}
        tooltip = "How much of the earlier losses each smoothed loss keeps"
        fixed = "The rate at which each value is tried"
        controls = [
            choice("setting", setting, VALUES, "What is tested"),
            choice("scale", scale, ("log", "linear"), "How the rate rises: by a factor, or a sum"),
            choice("monitor", monitor, ("loss", "val_loss"), "Of a batch, or of validation data"),
            rate_slider("lowest", lowest, "lowest rate"),
            rate_slider("highest", highest, "highest rate"),
            number_slider("smoothing", smoothing, 0, 0.98, tooltip, step=0.02),
            rate_slider("learning_rate", learning_rate, tooltip=fixed),
            training_length(experiment, epochs),
        ]
        super().__init__(experiment, controls)
        self.setting.observe(self._show_controls, "value")
        self._show_controls()

    def _show_controls(self, change: Any = None) -> None:
        rate = self.setting.value == "learning_rate"
        for name, control in self._controls.items():
            hidden = not rate if name in OF_THE_TEST else rate and name == "learning_rate"
            control.layout.display = "none" if hidden else None

    def settings(self) -> Settings:
        """Read the controls.

        Raises:
            ValueError: Unless the lowest rate is below the highest.
        """
        settings = Settings(**{name: control.value for name, control in self._controls.items()})
        if settings.setting == "learning_rate":
            check_range(settings.lowest, settings.highest)
        return settings

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
        """The plain Keras program of the same range test, or of the trainings at all values."""
        settings = self.settings()
        if settings.setting == "learning_rate":
            test = self._new_test(settings)
            return self.experiment.code(test.lowest, callbacks=[test])
        experiment, rate = self._at(settings, settings.values[-1])
        seeds = range(experiment.seed, experiment.seed + self._seeds)
        return over_values(experiment.code(rate), settings, seeds)

    def label(self, settings: Settings) -> str:
        """Return what was tested, and what is not as usual."""
        if settings.setting == "learning_rate":
            words = f"{settings.lowest:.3g} to {settings.highest:.3g}"
            words += ", linear" * (settings.scale == "linear")
            words += ", validation loss" * (settings.monitor == "val_loss")
            words += f", smoothing {settings.smoothing:.3g}"
        else:
            words = f"{settings.name()} at a rate of {settings.learning_rate:.3g}"
        usual = settings.epochs == usual_epochs(self._experiment)
        return words if usual else f"{words}, {settings.epochs} epochs"

    def row(self, settings: Settings, shown: Measured) -> Mapping[str, Any]:
        """Return the settings of the test, its suggestions and the value that was found best."""
        rules = {rule: next(iter(shown.suggestions.get(rule, ())), None) for rule in RULES}
        found = {"suggestion": rules.pop("minimum"), **rules, "best": shown.best}
        return {**settings._asdict(), **found}

    def pins_changed(self) -> None:
        """Put the pins into the table alone: two tests overlap in a picture."""
        self.list_pins()

    def result(self) -> str:
        """Return settings and outcome in one short line."""
        if self.measured is None:
            return "stopped"
        suggestion, best = self.measured.suggestion, self.measured.best
        if self.setting.value != "learning_rate":
            found = "nothing" if best is None else f"lowest validation loss at {best:.3g}"
            return f"{self.label(self.settings())} -> {found}"
        found = "no suggestion" if suggestion is None else f"suggests {suggestion:.1g}"
        truth = "" if best is None else f", lowest validation loss at {best:.1g}"
        return f"{self.lowest.value:.3g} to {self.highest.value:.3g} -> {found}{truth}"

    # --- the work ---

    def work(self, settings: Settings) -> Work[Measured]:
        """Make the range tests, then the trainings that are not done yet."""
        tests: list[LearningRateRangeTest] = []
        seeds = range(self.experiment.seed, self.experiment.seed + self._seeds)
        for seed in seeds if settings.setting == "learning_rate" else ():
            tests.append((yield from self._test(settings, seed)))
            yield self._measured(
                tests, settings, f"Tested from {len(tests)} of {len(seeds)} starts"
            )
        wanted = [
            (value, seed)
            for seed in seeds
            for value in settings.values
            if seed not in self._final.get(self._key(settings, value), {})
        ]
        began = time.monotonic()
        for done, (value, seed) in enumerate(wanted):
            words = f"Training {done + 1} of {len(wanted)}"
            if done:
                left = (time.monotonic() - began) / done * (len(wanted) - done)
                words += f", about {left:.0f} s left"
            if tests or done:
                yield self._measured(tests, settings, words, always=not done)
            else:
                yield f"{words}, compiling …"
            experiment, rate = self._at(settings, value)
            with closing(experiment.follow(rate, seed=seed)) as runs:
                for run in runs:
                    last = run
                    yield None
            self._start_loss = self._start_loss or last.start_loss
            lost = last.verdict == "diverged"
            loss = np.nan if lost else last.final["val_loss"]
            self._final.setdefault(self._key(settings, value), {})[seed] = loss
        yield self._measured(tests, settings, always=True)

    def _test(
        self, settings: Settings, seed: int
    ) -> Generator[str | None, None, LearningRateRangeTest]:
        """Make a range test, or return the one that was made."""
        test = self._new_test(settings)
        key = settings.test, test.steps, seed
        if key not in self._tests:
            yield "Testing …" if self._tests else "Compiling the model, once …"
            both = [test, self._telling(test)]
            run = yield from self.train(test.lowest, callbacks=both, seed=seed)
            self._start_loss = self._start_loss or run.start_loss
            self._tests[key] = test
        return self._tests[key]

    @staticmethod
    def _key(settings: Settings, value: float) -> tuple[Any, ...]:
        """What a whole training depends on, but for its seed."""
        rate = None if settings.setting == "learning_rate" else settings.learning_rate
        return settings.setting, value, rate, settings.epochs

    def _at(self, settings: Settings, value: float) -> tuple[Experiment, float]:
        """What is trained for a value of what is tested, and at which rate."""
        from lrlab.experiment.compiling import optimizer_with

        experiment = self.experiment
        if settings.setting == "learning_rate":
            return experiment, value
        optimizer = optimizer_with(experiment.model.optimizer, **{settings.setting: value})
        return experiment.variant(optimizer=optimizer), settings.learning_rate

    def _new_test(self, settings: Settings) -> LearningRateRangeTest:
        from lrlab.callbacks import LearningRateRangeTest
        from lrlab.callbacks.range_test import batches_an_update

        experiment = self.experiment
        batches = settings.epochs * experiment.steps_per_epoch
        a_step = self._every * batches_an_update(experiment.model.optimizer)
        data = experiment.dataset.x_val, experiment.dataset.y_val
        test = LearningRateRangeTest(
            settings.lowest,
            settings.highest,
            steps=max(2, min(self._steps, batches // a_step)),
            smoothing=settings.smoothing,
            monitor=settings.monitor,
            scale=settings.scale,
            every=self._every,
            validation_data=data if settings.monitor == "val_loss" else None,
        )
        test.set_model(experiment.model)  # which its code depends on
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
        tests: list[LearningRateRangeTest],
        settings: Settings,
        progress: str = "",
        *,
        always: bool = False,
    ) -> Frame[Measured]:
        """What is measured so far."""
        from lrlab.callbacks.suggestion import suggest

        found = [suggest(t.learning_rates, t.losses, settings.smoothing) for t in tests]
        final = {value: self._final.get(self._key(settings, value)) for value in settings.values}
        nothing = np.empty(0)
        rates, losses, smoothed = nothing, nothing, nothing
        for test in tests[:1]:
            rates, losses = test.learning_rates, test.losses
            smoothed = test.smoothed(settings.smoothing)
        self.reason = found[0][1] if found else ""
        self.measured = Measured(
            rates,
            losses,
            smoothed,
            found[0][0]["minimum"] if found else None,
            {value: list(losses.values()) for value, losses in final.items() if losses},
            suggestions={rule: [rates[rule] for rates, _ in found] for rule in RULES if found},
            monitor=settings.monitor,
            setting=settings.name().removeprefix("learning "),
        )
        return Frame(self.measured, self._words(self.measured, progress), always=always)

    def draw(self, settings: Settings, shown: Measured) -> tuple[bytes, str]:
        """Draw the test, and the losses of the trainings."""
        name = f"validation loss after {settings.epochs} epochs"
        across = settings.name()
        limits, scale = settings.axis((self.lowest.min, self.highest.max))
        figure = self.figure(
            "rates",
            RangeFigure,
            self._start_loss,
            name,
            rates=limits,
            scale=scale,
            across=across,
            size=self.size,
            theme=self.theme,
            test=across == "learning rate",
        )
        figure.draw(shown)
        return figure.png(), describe_range_test(shown)

    def _words(self, measured: Measured, progress: str) -> str:
        suggestion, best = measured.suggestion, measured.best
        words = html.escape(self.reason)
        if suggestion is not None:
            words = f"Suggested rate <b>{suggestion:.2g}</b>: {words}"
            words += f"<br>{measured.by_rule}" * bool(measured.suggestions)
        if best is not None:
            lowest = measured.middles[best]
            words += "<br>" * bool(words)
            what = "" if measured.setting == "rate" else f"{measured.setting} "
            words += f"Trained in full, {what}<b>{best:.2g}</b> "
            if progress:
                words += "is best so far"
            elif measured.edge:
                words += f"ends lowest, but is the {measured.edge} that was tried"
            else:
                words += "is best"
            words += f": validation loss {lowest:.3g}"
            words += f" (median of {self._seeds} starts)." if self._seeds > 1 else "."
            words += f" By {what}{measured.in_numbers}." * bool(what)
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
