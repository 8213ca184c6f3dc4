"""The learning rate in full-batch training, and the sharpness that it lets the network reach."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lrlab.checks import as_whole_number
from lrlab.explorers.learning_rate import LearningRateExplorer
from lrlab.explorers.run_explorer import check_experiment
from lrlab.figures.history import Curves
from lrlab.figures.sharpness import SharpnessFigure, describe_sharpness

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run

_HIGHEST = 2.5  # the end of the sharpness axis, over the limit of the first rate
_NEAR = 0.25  # how far from the limit, as a share of it, still counts as near


class SharpnessExplorer(LearningRateExplorer):
    """A learning-rate slider; below the loss stands the sharpness, with 2/learning rate dotted.

    Args:
        experiment: What to train, in full batches: `batch_size` is the number of training samples.
        learning_rate: Where the slider starts.
        epochs: How long a run lasts first; by default as long as those of the experiment.
        every: Epochs, which are steps here, from one measurement of the sharpness to the next.

    Raises:
        ValueError: If the experiment does not train in full batches, or an argument cannot work.

    Example:
        >>> import lrlab
        >>> patients = lrlab.data.diabetes()
        >>> experiment = lrlab.Experiment(
        ...     lambda: lrlab.models.linear(patients), patients, batch_size=len(patients.x_train)
        ... )
        >>> explorer = lrlab.SharpnessExplorer(experiment, learning_rate=0.1)
        >>> run = explorer.wait()
        >>> trace = run.history["sharpness"]  # that of a linear model never changes
        >>> round(trace[0], 1), round(trace[-1], 1)
        (8.3, 8.3)
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        learning_rate: float = 0.1,
        epochs: int | None = None,
        every: int = 10,
    ) -> None:
        check_experiment(experiment)
        if experiment.steps_per_epoch != 1:
            raise ValueError(
                "The sharpness limits full-batch training. Received: an experiment with "
                f"{experiment.steps_per_epoch} batches an epoch. Give it batch_size=len(x_train)."
            )
        self._every = as_whole_number(every, "every", 1)
        self._first_rate = learning_rate
        super().__init__(experiment, learning_rate=learning_rate, epochs=epochs)

    def follow(self, settings: float) -> Generator[Run, None, None]:
        """Train, with a measurement every few epochs."""
        from lrlab.callbacks import SharpnessTrace

        data = self.experiment.dataset
        trace = SharpnessTrace(data.x_train, data.y_train, every=self._every)
        return self.experiment.follow(settings, callbacks=[trace])

    def intended(self, settings: float) -> np.ndarray:
        """Return 2/learning rate, for each epoch."""
        return np.full(self.experiment.epochs, 2 / settings)

    def curves(self, run: Run, **words: str) -> Curves:
        """Return the losses and the sharpness of a run."""
        return Curves(run.history, np.array(run.history["sharpness"]), **words)

    def new_figure(self) -> SharpnessFigure:
        """Return the figure to draw on."""
        highest = _HIGHEST * 2 / self._first_rate
        return SharpnessFigure(self.longest, highest, **self.look())

    def describe(self, curves: Curves, intended: np.ndarray | None) -> str:
        """Return what such a picture shows, for those who cannot see it."""
        assert intended is not None
        limit = float(intended[0])
        return describe_sharpness(curves, self.experiment.epochs, limit, metrics=(self.metric,))

    def result(self) -> str:
        """Return the rate, and where the sharpness ended: its digits there depend on rounding."""
        if self._finished is None:
            return "stopped"
        rate, run = self._finished
        return f"{self.label(rate)} -> sharpness {where(run)} 2/learning rate"


def where(run: Run) -> str:
    """Tell where the sharpness of a run's last quarter lies: below, near or above 2/learning rate.

    The median counts, for it swings.
    """
    trace: Any = np.array(run.history["sharpness"])
    ratio = np.median(trace[-(len(trace) // 4 + 1) :]) * cast("float", run.schedule) / 2
    if not np.isfinite(ratio):
        return "lost, above"
    if abs(ratio - 1) <= _NEAR:
        return "near"
    return "below" if ratio < 1 else "above"
