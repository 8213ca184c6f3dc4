"""Step decay: a first rate, how much it drops and how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrlab.explorers.controls import (
    factor_slider,
    interval_slider,
    rate_slider,
    training_length,
)
from lrlab.explorers.handles import Handle, HandledExplorer
from lrlab.explorers.schedule_kinds import KINDS
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    from lrlab.experiment import Experiment


class StepDecayExplorer(HandledExplorer):
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
        super().__init__(experiment, controls)

    def schedule(self) -> StepDecay:
        """Return the step decay."""
        return StepDecay(
            self.initial_learning_rate.value, self.decay_factor.value, self.epochs_per_drop.value
        )

    @property
    def handles(self) -> Sequence[Handle]:
        """Those of the first rate and of the first drop."""
        return KINDS["step"].handles

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
