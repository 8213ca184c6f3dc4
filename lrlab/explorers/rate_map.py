"""The map of the learning rate against any other setting of a training."""

from __future__ import annotations

import html
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lrlab.checks import as_learning_rate, as_number, as_whole_number
from lrlab.explorers.controls import choice, notches, usual_epochs
from lrlab.explorers.maps import MapExplorer, check_some, nearest
from lrlab.schedules import StepDecay

if TYPE_CHECKING:
    from lrlab.experiment import Experiment, Run
    from lrlab.schedules import Schedule

_VARIANTS_KEPT = 12  # as an experiment does
_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def _from_to(least: float, most: float) -> Callable[[Any, str], float]:
    def check(value: Any, name: str) -> float:
        number = as_number(value)
        if not least <= number <= most:
            raise ValueError(
                f"`{name}` must be numbers from {least:g} to {most:g}. Received: {value!r}. "
                f"Try {name}=[{least:g}, {most:g}]."
            )
        return number

    return check


def _at_least_1(value: Any, name: str) -> int:
    return as_whole_number(value, name, 1)


# What can go across: the argument that gives its values, the check of one, and what it is.
ACROSS: dict[str, tuple[str, Callable[[Any, str], float], str]] = {
    "momentum": ("momenta", _from_to(0, 0.99), "The share of the last step that is made again"),
    "batch_size": ("batch_sizes", _at_least_1, "Samples a step"),
    "weight_decay": ("weight_decays", _from_to(0, 1), "Each step shrinks the weights by rate × it"),
    "epochs": ("epochs", _at_least_1, "How long a training lasts"),
    "decay_factor": (
        "decay_factors",
        _from_to(0.01, 1),
        "What the rate is multiplied by after each third of the training",
    ),
}


@dataclass(frozen=True)
class Cell:
    """A training: its rate, and what else goes across a map."""

    learning_rate: float
    momentum: float
    batch_size: int
    weight_decay: float
    epochs: int
    decay_factor: float

    def schedule(self) -> Schedule:
        """Return the rate, or the step decay that drops twice."""
        if self.decay_factor == 1:
            return self.learning_rate
        return StepDecay(self.learning_rate, self.decay_factor, -(-self.epochs // 3))


class LearningRateMapExplorer(MapExplorer):
    """A map of the final validation loss over the learning rate and any other setting.

    What goes across is chosen: momentum, batch size, weight decay, epochs or the factor of a step
    decay that drops after each third of the training; a slider each says what the others are. A
    whole training stands behind each cell. The chosen cell is trained first, then ever finer ones,
    near the best so far before others. A click, an arrow key or the sliders choose another cell,
    and the picture below shows its curves. Runs that are made are kept.

    Args:
        experiment: What to train; by default a small network on handwritten digits. What is not
            among the settings, as its kind of optimizer, is as it was.
        across: What goes across first: "momentum", "batch_size", "weight_decay", "epochs" or
            "decay_factor".
        learning_rates: The rates, one a row.
        momenta: From 0 to 0.99, as for `keras.optimizers.SGD`; of optimizers that have one.
        batch_sizes: Samples a step.
        weight_decays: From 0 to 1, as for any optimizer of Keras's.
        epochs: The lengths of a training.
        decay_factors: From 0.01 to 1, where 1 leaves the rate as it is.

    Attributes:
        runs: The finished runs, in the order in which they were made.
        values: The final validation loss of each cell, shape (rates, values across); NaN where a
            run is missing, infinity where it diverged.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> import lrlab
        >>> explorer = lrlab.LearningRateMapExplorer(
        ...     learning_rates=[0.01, 0.1], momenta=[0, 0.9], epochs=[3]
        ... )
        >>> run = explorer.wait()  # of the chosen cell
        >>> explorer.values.shape, explorer.settings().momentum, run.schedule
        ((2, 2), 0.0, 0.1)
    """

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        across: str = "momentum",
        learning_rates: Sequence[float] = _RATES,
        momenta: Sequence[float] = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98),
        batch_sizes: Sequence[int] = (8, 16, 32, 64, 128, 256),
        weight_decays: Sequence[float] = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1),
        epochs: Sequence[int] = (2, 5, 10, 15, 30),
        decay_factors: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0),
    ) -> None:
        given = {
            "momenta": momenta,
            "batch_sizes": batch_sizes,
            "weight_decays": weight_decays,
            "epochs": epochs,
            "decay_factors": decay_factors,
        }
        check_some(learning_rates, "learning_rates")
        rates = [as_learning_rate(rate, "learning_rates") for rate in learning_rates]
        rate = nearest(rates, 0.1)
        controls = [
            choice("across", across, ACROSS, "What goes across the map"),
            notches("learning_rate", rate, rates, "The row: how far each step goes"),
        ]
        usual = _usual(experiment)
        for name, (argument, check, tooltip) in ACROSS.items():
            check_some(given[argument], argument)
            values = [check(value, argument) for value in given[argument]]
            first = min(values, key=lambda value: abs(value - usual[name]))
            controls.append(notches(name, first, values, tooltip))
        # To ask the experiment costs a millisecond, for it compares the settings of optimizers.
        self._variant_of = lru_cache(_VARIANTS_KEPT)(self._make_variant)
        super().__init__(experiment, controls)

    def let_go(self) -> None:
        """Forget what was trained in each cell, too."""
        super().let_go()
        self._variant_of.cache_clear()

    @property
    def axes(self) -> tuple[str, str]:
        """The names of the controls that go up and across."""
        return "learning_rate", self.across.value

    def cell(self, **values: Any) -> Cell:
        """Return the settings with such values."""
        return Cell(**{name: self._controls[name].value for name in Cell.__annotations__} | values)

    def schedule(self) -> Schedule:
        """Return the rate of the chosen cell, or its step decay."""
        schedule: Schedule = self.settings().schedule()
        return schedule

    def experiment_of(self, cell: Cell) -> Experiment:
        """Return what is trained there, whatever the rate: what is compiled is the same."""
        return self._variant_of(replace(cell, learning_rate=1.0, decay_factor=1.0))

    def _make_variant(self, cell: Cell) -> Experiment:
        from lrlab.experiment.compiling import optimizer_with

        base = super(MapExplorer, self).experiment
        settings = {"momentum": cell.momentum, "weight_decay": cell.weight_decay}
        return base.variant(
            optimizer=optimizer_with(base.model.optimizer, **settings),
            batch_size=int(cell.batch_size),
            epochs=int(cell.epochs),
        )

    def follow(self, settings: Cell) -> Generator[Run, None, None]:
        """Return the training of a cell."""
        return self.experiment_of(settings).follow(settings.schedule())

    def compiling(self, settings: Cell) -> str:
        """Return what to say where the model has to be compiled first, else nothing."""
        fresh = not self.experiment_of(settings).has_run
        return "Compiling the model, once for each value across …" if fresh else ""

    @property
    def code(self) -> str:
        """The plain Keras program of the chosen cell."""
        chosen: Cell = self.settings()
        return self.experiment_of(chosen).code(chosen.schedule())

    @property
    def value_label(self) -> str:
        """What stands above the cells."""
        if self.across.value == "epochs":
            return "validation loss after the last epoch"
        return super().value_label

    def label(self, settings: Cell) -> str:
        """Return the rate, and what goes across."""
        name = self.across.value
        return f"{settings.learning_rate:.3g}, {_in_words(name)} {getattr(settings, name):g}"

    def best_in_words(self, cell: Cell) -> str:
        """Return its rate and what goes across, as HTML."""
        name = self.across.value
        return (
            f"a learning rate of <b>{cell.learning_rate:.3g}</b> and "
            f"{html.escape(_in_words(name))} <b>{getattr(cell, name):g}</b>"
        )

    def row(self, settings: Cell, shown: Run | None) -> Mapping[str, Any]:
        """Return the settings of a cell, and what came of its run."""
        return {**asdict(settings), **super().row(settings, shown)}


def _in_words(name: str) -> str:
    return name.replace("_", " ")


def _usual(experiment: Any) -> dict[str, float]:
    """Where the sliders start: as the experiment is, or with no momentum, decay or weight decay."""
    optimizer = getattr(getattr(experiment, "model", None), "optimizer", None)
    return {
        "momentum": getattr(optimizer, "momentum", 0.0),
        "batch_size": getattr(experiment, "batch_size", 32),
        "weight_decay": getattr(optimizer, "weight_decay", None) or 0.0,
        "epochs": usual_epochs(experiment),
        "decay_factor": 1.0,
    }
