"""Step decay: a first rate, how much it drops and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrlab.explorers.controls import (
    factor_slider,
    interval_slider,
    rate_slider,
    training_length,
)
from lrlab.explorers.run_explorer import RunExplorer
from lrlab.explorers.widgets import HandlesView
from lrlab.figures.ink import rounded
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run


class StepDecayExplorer(RunExplorer):
    """Sliders for the three arguments of `StepDecay`; each movement retrains and redraws.

    Two handles in the picture do the same: one on the first rate, one where it has dropped.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        initial_learning_rate: Where the slider of the first rate starts.
        decay_factor: Where the slider of the factor starts.
        epochs_per_drop: Where the slider of the interval, in epochs, starts.
        epochs: How long a run lasts first; by default as long as those of the experiment.

    Raises:
        ValueError: If a value is out of its range, see `StepDecay`.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.StepDecayExplorer(initial_learning_rate=1.0)
        >>> explorer.decay_factor.value = 0.5
        >>> [round(rate, 2) for rate in explorer.wait().history["learning_rate"]][::5]
        [1.0, 0.5, 0.25]
    """

    draws_model = True

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        initial_learning_rate: float = 0.01,
        decay_factor: float = 0.1,
        epochs_per_drop: int = 5,
        epochs: int | None = None,
    ) -> None:
        decay = StepDecay(initial_learning_rate, decay_factor, epochs_per_drop)
        controls = [
            rate_slider("initial_learning_rate", decay.initial_learning_rate, "first rate"),
            factor_slider(decay.decay_factor),
            interval_slider(decay.epochs_per_drop),
            training_length(experiment, epochs),
        ]
        self._handles = HandlesView(
            description="The decay: up and down arrow keys change a rate, left and right the epoch",
            names=["starting rate", "first drop"],
            moves=["y", "xy"],
            stops=controls[0].stops,
        )
        super().__init__(experiment, controls, above=[self._handles])
        self._handles.value = self._places()
        self._handles.observe(self._pulled, "value")

    def schedule(self) -> StepDecay:
        """Return the step decay."""
        return StepDecay(
            self.initial_learning_rate.value, self.decay_factor.value, self.epochs_per_drop.value
        )

    def controls_moved(self, *names: str) -> None:
        """Have the handles follow, and train."""
        self._handles.value = self._places()
        super().controls_moved(*names)

    def draw(self, settings: StepDecay, shown: Run | None) -> tuple[bytes, str]:
        """Draw the run, and have the handles stand over its rates."""
        drawn = super().draw(settings, shown)
        self._handles.stand_over(self._figures["curves"], self._picture)
        return drawn

    def _places(self) -> list[list[float]]:
        """Where the handles stand: in the middle of the first rate, and where it has dropped."""
        decay, epochs = self.schedule(), self.epochs.value
        drop = min(decay.epochs_per_drop, epochs)
        first = decay.initial_learning_rate
        return [[drop / 2, first], [drop, first * decay.decay_factor]]

    def _pulled(self, change: Any) -> None:
        """Take the place to which a person has moved a handle, as far as its sliders go."""
        if change["new"] == self._places():  # which it has from the sliders
            return
        epoch, rate = change["new"][self._handles.held]
        if self._handles.held == 0:
            values = {"initial_learning_rate": rate}
        else:
            factor = rounded(rate / self.initial_learning_rate.value, 3)
            values = {"epochs_per_drop": epoch, "decay_factor": factor}
        sliders = {name: self._controls[name] for name in values}
        self.move(**{n: min(max(values[n], s.min), s.max) for n, s in sliders.items()})

    def label(self, settings: StepDecay) -> str:
        """Return the first rate, the factor and the interval in words."""
        return step_decay_in_words(settings)


def step_decay_in_words(decay: StepDecay) -> str:
    """Return its first rate, factor and interval, in few words.

    Example:
        >>> step_decay_in_words(StepDecay(0.5, 0.1, 5)), step_decay_in_words(StepDecay(0.5, 1.0, 5))
        ('0.5, × 0.1 every 5', '0.5, constant')
    """
    first, factor = decay.initial_learning_rate, decay.decay_factor
    drops = "constant" if factor == 1 else f"× {factor:.3g} every {decay.epochs_per_drop}"
    return f"{first:.3g}, {drops}"
