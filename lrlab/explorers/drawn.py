"""A schedule that is drawn: a handle an epoch, in the picture itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from lrlab.explorers.controls import Drawing, training_length
from lrlab.explorers.run_explorer import RunExplorer
from lrlab.figures.curves import CurvesFigure
from lrlab.schedules import RatesByEpoch

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run

_RATES = 1e-4, 10.0  # that the picture shows
_HINT = (
    "The learning rate of each epoch: left and right arrow keys go from epoch to epoch, up and "
    "down change its rate"
)


class _DrawnFigure(CurvesFigure):
    _share_below = 0.48  # of the height: there is room to draw


class DrawnScheduleExplorer(RunExplorer):
    """A schedule to be drawn in the picture: a handle an epoch; each movement retrains and redraws.

    A mouse or a finger draws a line through the lower axes. With the keyboard, the left and right
    arrow keys go from epoch to epoch, up and down change the rate of that epoch. Of a training of
    more than 60 epochs, a handle stands for several.

    Args:
        experiment: What to train; by default a small network on handwritten digits.
        learning_rates: The rates to begin with, one an epoch, from 0.0001 to 10; the last one stays
            for the epochs that follow.
        epochs: How long a run lasts first; by default as long as those of the experiment.

    Raises:
        ValueError: If a rate is out of its range, or there is none.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.DrawnScheduleExplorer(learning_rates=[0.5, 0.2, 0.1], epochs=5)
        >>> [round(rate, 2) for rate in explorer.wait().history["learning_rate"]]
        [0.5, 0.2, 0.1, 0.1, 0.1]
        >>> explorer.learning_rates.value = [0.5, 0.4, 0.3, 0.2, 0.1]  # as a pointer does
        >>> print(explorer.code[explorer.code.index("learning_rates") :].splitlines()[0])
        learning_rates = [0.5, 0.4, 0.3, 0.2, 0.1]
    """

    draws_model = True
    invitation = (
        "Draw a line through the lower axes, or click a handle there and use the arrow keys: "
        "the picture follows."
    )

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        learning_rates: Sequence[float] = (0.1,),
        epochs: int | None = None,
    ) -> None:
        length = training_length(experiment, epochs)
        rates = Drawing("learning_rates", learning_rates, length.value, _RATES, _HINT)
        self.over_rates = rates
        super().__init__(experiment, [rates, length])

    def schedule(self) -> RatesByEpoch:
        """Return the rates that are drawn, one an epoch."""
        return RatesByEpoch(self.learning_rates.value[: self.epochs.value])

    def label(self, settings: RatesByEpoch) -> str:
        """Return the first, the highest and the last rate, or the only one."""
        rates = [settings.rates[0], max(settings.rates), settings.rates[-1]]
        return " … ".join(rate for rate, _ in groupby(f"{rate:.2g}" for rate in rates))

    def row(self, settings: RatesByEpoch, shown: Run | None) -> Mapping[str, Any]:
        """Return the rates, which stand in the file alone, and what came of the run."""
        rates = " ".join(f"{rate:g}" for rate in settings.rates)
        return {"learning_rates": rates, **super().row(settings, shown)}

    def controls_moved(self, *names: str) -> None:
        """Have a handle for each epoch, and train."""
        if "epochs" in names:
            self._moving = True  # the handles follow, and one movement trains once
            try:
                self.learning_rates.last(self.epochs.value)
            finally:
                self._moving = False
        super().controls_moved(*names)

    def new_figure(self) -> CurvesFigure:
        """Return the figure to draw on, with more room for the rate."""
        return _DrawnFigure(self.longest, rates=_RATES, **self.look())
