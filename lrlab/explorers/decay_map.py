"""The map of step decay: where a first rate and a decay factor lead to, all of them at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lrlab.checks import as_learning_rate
from lrlab.explorers.controls import interval_slider, notches
from lrlab.explorers.maps import MapExplorer, check_some, nearest
from lrlab.explorers.step_decay import step_decay_in_words
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    from lrlab.experiment import Experiment

_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FACTORS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_FIRST = 0.01, 0.1  # the cell to begin with, or the nearest one


class DecayMapExplorer(MapExplorer):
    """A map of the final validation loss over first rate and decay factor, which fills itself in.

    A whole training stands behind each cell. The chosen cell is trained first, then ever finer
    ones, near the best so far before others. A click, an arrow key or the sliders choose another
    cell, and the picture below shows its curves. Runs that are made are kept. There is no slider
    for the epochs, for each place of it would be another map of as many trainings: give it
    `experiment.variant(epochs=30)`.

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

    axes = ("initial_learning_rate", "decay_factor")

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        initial_learning_rates: Sequence[float] = _RATES,
        decay_factors: Sequence[float] = _FACTORS,
        epochs_per_drop: int = 5,
    ) -> None:
        check_some(initial_learning_rates, "initial_learning_rates")
        check_some(decay_factors, "decay_factors")
        rates = [as_learning_rate(r, "initial_learning_rates") for r in initial_learning_rates]
        decays = [StepDecay(rates[0], factor, epochs_per_drop) for factor in decay_factors]
        factors = [decay.decay_factor for decay in decays]
        drop = "The column: what the rate is multiplied by at each drop"
        first = "The row: the learning rate before any drop"
        row, column = nearest(rates, _FIRST[0]), nearest(factors, _FIRST[1])
        controls = [
            notches("initial_learning_rate", row, rates, first, "first rate"),
            notches("decay_factor", column, factors, drop),
            interval_slider(decays[0].epochs_per_drop),
        ]
        super().__init__(experiment, controls)

    def cell(self, **values: Any) -> StepDecay:
        """Return the step decay of such values."""
        return StepDecay(**values, epochs_per_drop=self.epochs_per_drop.value)

    def schedule(self) -> StepDecay:
        """Return the step decay of the chosen cell."""
        chosen: StepDecay = self.settings()
        return chosen

    def label(self, settings: StepDecay) -> str:
        """Return the first rate, the factor and the interval in words."""
        return step_decay_in_words(settings)

    def best_in_words(self, cell: StepDecay) -> str:
        """Return its first rate, factor and interval, as HTML."""
        return (
            f"a first rate of <b>{cell.initial_learning_rate:.3g}</b>, times "
            f"<b>{cell.decay_factor:.3g}</b> every {cell.epochs_per_drop} epochs"
        )
