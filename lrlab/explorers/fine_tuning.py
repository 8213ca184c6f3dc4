"""Two rates for a model that others trained: one for its body, one for its new head."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrlab.explorers.controls import rate_slider, training_length
from lrlab.explorers.run_explorer import RunExplorer, check_experiment
from lrlab.figures.fine_tuning import FineTuningFigure, describe_fine_tuning
from lrlab.figures.history import Curves

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run

_KEEPS, _LOSES = 0.9, 0.5  # of the accuracy before, to say that it was kept or lost


class Settings(NamedTuple):
    """What the sliders stand for."""

    body_rate: float
    head_rate: float


class FineTuningExplorer(RunExplorer):
    """Sliders for the rate of a trained body and that of a new head; below stands what is kept.

    The head is the model's last layer, the body all layers before it.

    Args:
        experiment: The new task; its model has the trained body and a new head.
        old: What the body was trained for: the layer that stood on it, then inputs that it was not
            trained on, and their classes from 0.
        body_rate: Where the slider of the body's rate starts.
        head_rate: Where the slider of the head's rate starts.
        epochs: How long a run lasts first; by default as long as those of the experiment.

    Raises:
        ValueError: If the model has no layers before its head, or an argument cannot work.

    Example:
        >>> import keras, lrlab
        >>> moons = lrlab.data.moons()
        >>> experiment = lrlab.Experiment(lambda: lrlab.models.mlp(moons), moons, epochs=2)
        >>> old = keras.layers.Dense(2), moons.x_val, moons.y_val
        >>> explorer = lrlab.FineTuningExplorer(experiment, old, body_rate=0.001)
        >>> len(explorer.wait().history["old_accuracy"])
        2
    """

    def __init__(
        self,
        experiment: Experiment,
        old: Any,
        *,
        body_rate: float = 0.01,
        head_rate: float = 0.1,
        epochs: int | None = None,
    ) -> None:
        check_experiment(experiment)
        from lrlab.experiment.fine_tuning import accuracy_with, with_two_rates

        body = rate_slider("body_rate", body_rate, tooltip="The learning rate of the old layers")
        head = rate_slider("head_rate", head_rate, tooltip="The learning rate of the new layer")
        self._tuned = with_two_rates(experiment)
        self._knows = accuracy_with(self._tuned, old)
        self._before = float(self._knows())
        super().__init__(experiment, [body, head, training_length(experiment, epochs)])

    def settings(self) -> Settings:
        """Read the sliders."""
        return Settings(self.body_rate.value, self.head_rate.value)

    def schedule(self) -> float:
        """Return the rate of the head."""
        return float(self.head_rate.value)

    def follow(self, settings: Settings) -> Generator[Run, None, None]:
        """Train with both rates, and measure after each epoch what is kept."""
        from lrlab.experiment.fine_tuning import Remembers

        watch = Remembers(settings.body_rate, self._knows)
        tuned = self._tuned.variant(epochs=self.experiment.epochs)
        return tuned.follow(settings.head_rate, callbacks=[watch])

    def intended(self, settings: Settings) -> np.ndarray:
        """Return the accuracy on the old task before, for each epoch."""
        return np.full(self.experiment.epochs, self._before)

    def curves(self, run: Run, **words: str) -> Curves:
        """Return the losses of a run, and its accuracy on the old task."""
        return Curves(run.history, np.array(run.history["old_accuracy"]), **words)

    def new_figure(self) -> FineTuningFigure:
        """Return the figure to draw on."""
        return FineTuningFigure(self.longest, **self.look())

    def describe(self, curves: Curves, intended: np.ndarray | None) -> str:
        """Return what such a picture shows, for those who cannot see it."""
        epochs, metrics = self.experiment.epochs, (self.metric,)
        return describe_fine_tuning(curves, epochs, self._before, metrics=metrics)

    def label(self, settings: Settings) -> str:
        """Return both rates in words."""
        return f"body {settings.body_rate:.3g}, head {settings.head_rate:.3g}"

    def result(self) -> str:
        """Return the rates, and how much is kept: further digits depend on rounding."""
        if self._finished is None:
            return "stopped"
        settings, run = self._finished
        kept = run.final["old_accuracy"] / (self._before or 1)
        words = "kept" if kept >= _KEEPS else "lost" if kept <= _LOSES else "partly kept"
        return f"{self.label(settings)} -> {words}"

    @property
    def code(self) -> str:
        """The plain Keras program for the present settings."""
        from lrlab.experiment.fine_tuning import code_with_two_rates

        settings = self.settings()
        return code_with_two_rates(self.experiment, settings.head_rate, settings.body_rate)

    def let_go(self) -> None:
        """Forget the variant of the experiment, too."""
        super().let_go()
        del self._tuned, self._knows
