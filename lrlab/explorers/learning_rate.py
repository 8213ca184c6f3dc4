"""The learning rate, and what becomes of a training with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import rate_slider, training_length
from lrlab.explorers.run_explorer import RunExplorer

if TYPE_CHECKING:
    from lrlab.experiment import Experiment
    from lrlab.schedules import Schedule


class LearningRateExplorer(RunExplorer):
    """A slider for a constant learning rate; each movement retrains and redraws.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        learning_rate: Where the slider starts.
        epochs: How long a run lasts first; by default as long as those of the experiment.

    Raises:
        ValueError: If the learning rate is not a finite number above 0.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.LearningRateExplorer()
        >>> explorer.learning_rate.value = 0.1
        >>> explorer.wait().verdict
        'good'
    """

    draws_model = True

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        learning_rate: float = 0.01,
        epochs: int | None = None,
    ) -> None:
        rate = rate_slider("learning_rate", learning_rate)
        super().__init__(experiment, [rate, training_length(experiment, epochs)])

    def schedule(self) -> Schedule:
        """Return the learning rate."""
        return as_learning_rate(self.learning_rate.value)

    def label(self, settings: float) -> str:
        """Return the learning rate in words."""
        return f"{settings:.3g}"
