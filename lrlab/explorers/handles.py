"""Handles over the rates in a picture of a run, which move sliders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from lrlab.explorers.controls import Checked
from lrlab.explorers.run_explorer import RunExplorer
from lrlab.explorers.widgets import HandlesView

if TYPE_CHECKING:
    from lrlab.experiment import Experiment


@dataclass(frozen=True)
class Handle:
    """A handle over the rates of a run.

    Attributes:
        name: What a screen reader calls it.
        moves: What it can be moved along: "y", its rate, or "xy", its epoch as well.
        place: Returns the epoch and the rate where it stands, given the values of the sliders by
            their names.
        pulled: Returns new values of sliders, given the present ones, an epoch and a rate.
    """

    name: str
    moves: str
    place: Callable[[Mapping[str, Any]], tuple[float, float]]
    pulled: Callable[[Mapping[str, Any], float, float], Mapping[str, Any]]


class HandledExplorer(RunExplorer):
    """A `RunExplorer` some of whose sliders can be moved by handles in the picture, too.

    Args:
        experiment: What to train, any model and data; by default a small network on digits.
        controls: The controls, `initial_learning_rate` and `epochs` among them.
        above: What else to put right above the picture.
    """

    over_rates: HandlesView

    def __init__(
        self,
        experiment: Experiment | None,
        controls: Sequence[Checked],
        above: Sequence[ipywidgets.DOMWidget] = (),
    ) -> None:
        (rate,) = (control for control in controls if control.name == "initial_learning_rate")
        keys = "The rates: up and down arrow keys change one, left and right its epoch"
        self.over_rates = HandlesView(description=keys, stops=rate.stops)
        super().__init__(experiment, controls, above=[*above, self.over_rates])
        self._put_handles()
        self.over_rates.observe(self._pulled, "value")

    @property
    def handles(self) -> Sequence[Handle]:
        """The handles that there are now."""
        raise NotImplementedError

    def controls_moved(self, *names: str) -> None:
        """Have the handles follow, and train."""
        self._put_handles()
        super().controls_moved(*names)

    def _put_handles(self) -> None:
        self.over_rates.show(
            names=[handle.name for handle in self.handles],
            moves=[handle.moves for handle in self.handles],
            value=self._places(),
        )

    def _places(self) -> list[list[float]]:
        """Where the handles stand; one whose epoch is past the last one, at that."""
        values = self._values()
        places = [handle.place(values) for handle in self.handles]
        return [[min(epoch, values["epochs"]), rate] for epoch, rate in places]

    def _values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self._controls.items()}

    def _pulled(self, change: Any) -> None:
        """Take the places to which a person has moved handles, as far as their sliders go."""
        if change["new"] == self._places():  # which it has from the sliders
            return
        values: dict[str, Any] = {}
        for which in self.over_rates.pulled:
            now = {**self._values(), **values}
            values |= self.handles[which].pulled(now, *change["new"][which])
        sliders = {name: self._controls[name] for name in values}
        self.move(**{n: np.clip(values[n], s.min, s.max).tolist() for n, s in sliders.items()})
