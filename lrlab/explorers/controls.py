"""The controls of the explorers. All report while they move, and move by the arrow keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from lrlab.checks import as_learning_rate, as_number, as_whole_number
from lrlab.explorers.widgets import HandlesView, SliderView, ToggleView

_LAYOUT = {"width": "100%", "max_width": "740px"}
_STYLE = {"description_width": "160px"}


class ControlError(traitlets.TraitError, ValueError):
    """A value that a control cannot take: the rule, what was received, what to do."""


class Checked(ipywidgets.ValueWidget):
    """A control that explains what it cannot take, where ipywidgets would take something else.

    Attributes:
        name: That of the argument whose value it sets.
    """

    value: traitlets.TraitType[Any, Any] = traitlets.TraitType(None).tag(
        sync=True
    )  # whatever it is, the check below decides

    def __init__(
        self,
        name: str,
        check: Callable[[Any], Any],
        tooltip: str,
        description: str = "",
        **settings: Any,
    ) -> None:
        """Make the control for an argument, with a check that returns a value or raises."""
        self.name, self._check = name, check
        words = description or name.replace("_", " ")
        super().__init__(description=words, tooltip=tooltip, **({"layout": _LAYOUT} | settings))

    @traitlets.validate("value")
    def _validate_value(self, proposal: Any) -> Any:
        """Under the name of the check that ipywidgets' own controls have, and so in its place."""
        try:
            return self._check(proposal.value)
        except ValueError as error:
            raise ControlError(str(error)) from None


class Slider(Checked, SliderView):
    """A slider over some stops, and a box beside it for any other value that the check takes."""

    # A page shows at once what it sends, and need not be told it again.
    value: traitlets.TraitType[Any, Any] = traitlets.TraitType(None).tag(
        sync=True, echo_update=False
    )

    def __init__(self, *words: Any, **settings: Any) -> None:
        """Make the slider, as a `Checked` control."""
        super().__init__(*words, **settings)
        self.on_msg(self._take_typed)

    @property
    def min(self) -> float:
        """The first stop."""
        return float(self.stops[0])

    @property
    def max(self) -> float:
        """The last stop."""
        return float(self.stops[-1])

    def _take_typed(self, widget: Any, content: Any, buffers: Any) -> None:
        """Take what is typed into a box, or say what cannot be taken."""
        typed: Any = content["typed"].strip()
        with suppress(ValueError):
            typed = float(typed.replace(",", "."))
        pair = list(self.value) if np.iterable(self.value) else [self.value]
        pair[content["which"]] = typed
        try:
            value = self._check(pair if len(pair) > 1 else typed)
        except ValueError as error:
            self.problem = str(error)
        else:
            self.problem = ""
            self.value = value

    @traitlets.observe("value")
    def _no_problem(self, change: Any) -> None:
        self.problem = ""


class Drawing(Checked, HandlesView):
    """A handle an epoch over the rates in a picture; one for several, where there are many.

    The value holds a rate for each epoch, and those of a longer training that was drawn before.
    """

    value: traitlets.TraitType[Any, Any] = traitlets.TraitType(None).tag(
        sync=True,
        echo_update=False,
        to_json=lambda rates, drawing: drawing._places(rates),
        from_json=lambda places, drawing: drawing._rates_at(places),
    )

    def __init__(
        self, name: str, rates: Any, epochs: int, seen: tuple[float, float], tooltip: str
    ) -> None:
        """Draw these rates, and the last one for the epochs that they leave out."""
        self.name, self._seen, self._epochs = name, seen, 1
        first = self._as_rates(rates)
        self._spans: list[range] = []  # the epochs of each handle
        settings: dict[str, Any] = {"stops": _logarithmic(*seen), "sweeps": True}
        settings["layout"] = {"display": "none"}
        super().__init__(name, self._as_rates, tooltip, tooltip, value=first, **settings)
        self.last(epochs)

    def last(self, epochs: int) -> None:
        """Have handles for so many epochs; new ones are as high as the last one."""
        every, rates = -(-epochs // _MOST_HANDLES), self.value
        starts = range(0, epochs, every)
        self._epochs = epochs
        self._spans = [range(start, min(start + every, epochs)) for start in starts]
        with self._sending, self.hold_sync():
            self.value = rates + rates[-1:] * (epochs - len(rates))
            self.send_state("value")  # of as many handles, whether a rate is new or not
            self.moves = ["y"] * len(self._spans)
            self.names = [
                f"epoch {span[0] + 1}" + f" to {span[-1] + 1}" * (len(span) > 1)
                for span in self._spans
            ]

    def _places(self, rates: tuple[float, ...]) -> list[list[float]]:
        return [[(span[0] + span[-1] + 1) / 2, rates[span[0]]] for span in self._spans]

    def _rates_at(self, places: list[list[float]]) -> tuple[float, ...]:
        rates = list(self.value)
        for span, (_, rate) in zip(self._spans, places, strict=True):
            if rates[span[0]] != rate:
                rates[span[0] : span[-1] + 1] = [rate] * len(span)
        return tuple(rates)

    def _as_rates(self, value: Any) -> tuple[float, ...]:
        (low, high), several = self._seen, np.iterable(value) and not isinstance(value, str)
        rates = tuple(as_number(rate) for rate in value) if several else ()
        if len(rates) < self._epochs or not all(low <= rate <= high for rate in rates):
            raise ValueError(
                f"`{self.name}` must be a list of rates from {low:g} to {high:g}, one an epoch, "
                f"here {self._epochs} or more. Received: {self.name}={value!r}. "
                f"Try {self.name}=[0.1] * {self._epochs}."
            )
        return rates


class _Choice(Checked, ipywidgets.Dropdown):
    pass


class _Checkbox(Checked, ipywidgets.Checkbox):
    pass


class _Several(Checked, ipywidgets.SelectMultiple):
    pass


# Round numbers, about evenly spaced on a logarithmic axis.
_IN_A_DECADE = ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8")
_EPOCHS = 15  # of the default experiment, which is not made yet when its sliders are
_MOST_HANDLES = 60  # of a drawn schedule
_MOST_STOPS = 100  # of a slider of whole numbers; more can't be told apart by hand


def _logarithmic(low: float, high: float) -> list[float]:
    """The round numbers between two others."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    stops = [float(f"{number}e{decade}") for decade in decades for number in _IN_A_DECADE]
    return [stop for stop in stops if low <= stop <= high]


def _decades(stops: Sequence[float]) -> list[tuple[int, str]]:
    """Marks at 0.001, 0.01, 0.1, ..."""
    powers = [(place, math.log10(stop)) for place, stop in enumerate(stops)]
    return [(place, f"{stops[place]:g}") for place, power in powers if power == round(power)]


def _whole(least: int, most: int) -> list[float]:
    """Whole numbers from one to another, with gaps of 2, 5, 10, ... where there are too many."""
    steps = (float(f"{number}e{zeros}") for zeros in range(20) for number in (1, 2, 5))
    return _even(least, most, next(step for step in steps if most - least <= step * _MOST_STOPS))


def _even(least: float, most: float, step: float) -> list[float]:
    """The multiples of a step between two numbers, and these two."""
    between = range(math.floor(least / step) + 1, math.ceil(most / step))
    return sorted({least, *(round(place * step, 9) for place in between), most})


_RATE = "The learning rate: how far each step goes. The axis is logarithmic"


def rate_slider(name: str, value: Any, description: str = "", tooltip: str = _RATE) -> Checked:
    """A logarithmic slider from 0.0001 to 10, further where the first value lies beyond.

    Raises:
        ValueError: If its first value, the argument `name`, is not a finite number above 0.
    """
    rate = as_learning_rate(value, name)
    low, high = min(-4, math.floor(math.log10(rate))), max(1, math.ceil(math.log10(rate)))
    words = description or name.replace("_", " ")
    further = " A new explorer whose first value lies beyond goes further."
    stops = _logarithmic(float(f"1e{low}"), float(f"1e{high}"))
    check = _between(words, stops[0], stops[-1], further)
    marks = _decades(stops)
    return Slider(name, check, tooltip, description, value=rate, stops=stops, marks=marks)


def factor_slider(value: Any) -> Checked:
    """A slider for `decay_factor`, from 0.05 to 1, where 1 leaves the rate as it is."""
    tooltip = "What the rate is multiplied by at each drop; 1 leaves it alone"
    return number_slider("decay_factor", value, min(0.05, as_number(value)), 1, tooltip)


def interval_slider(value: Any) -> Checked:
    """A slider for `epochs_per_drop`."""
    tooltip = "Epochs from one drop of the rate to the next"
    return epochs_slider("epochs_per_drop", value, 15, tooltip)


def number_slider(
    name: str,
    value: Any,
    least: float,
    most: float,
    tooltip: str,
    description: str = "",
    *,
    step: float | None = None,
) -> Checked:
    """A slider between two numbers, both included.

    Raises:
        ValueError: If its first value, the argument `name`, is not between them.
    """
    number = as_number(value)
    if not least <= number <= most:
        raise ValueError(
            f"`{name}` must be a number from {least:g} to {most:g}, for so far its slider goes. "
            f"Received: {name}={value!r}. Try {name}={least if number < least else most:g}."
        )
    check = _between(description or name.replace("_", " "), least, most)
    stops = _even(least, most, step or (0.05 if most < 10 else 1))
    return Slider(name, check, tooltip, description, value=number, stops=stops)


def epochs_slider(
    name: str, value: Any, longest: int, tooltip: str, description: str = "", *, least: int = 1
) -> Checked:
    """A slider of whole epochs up to the longest, or further where the first value lies beyond.

    Raises:
        ValueError: If its first value, the argument `name`, is not a whole number of that size.
    """
    epochs = as_whole_number(value, name, least)
    most = max(longest, epochs)
    check = _between(description or name.replace("_", " "), least, most, whole=True)
    stops = _whole(least, most)
    return Slider(name, check, tooltip, description, value=epochs, stops=stops)


def usual_epochs(experiment: Any) -> int:
    """Return the epochs of an experiment, or of the default one for None."""
    epochs: int = getattr(experiment, "epochs", _EPOCHS)
    return epochs


def training_length(experiment: Any, epochs: Any) -> Checked:
    """A slider for the epochs of a run, up to four times those of an experiment."""
    usual = usual_epochs(experiment)
    tooltip = "How many epochs a run lasts: the same start, a longer training"
    return epochs_slider("epochs", usual if epochs is None else epochs, 4 * usual, tooltip)


def boundaries_slider(name: str, value: Any, longest: int) -> Checked:
    """A slider with two handles, for the two epochs in which the rate changes.

    Raises:
        ValueError: Unless the first value is two epochs in order.
    """
    words, tooltip = f"{name} (epochs)", "The two epochs in which the rate changes"
    boundaries = _as_boundaries(value)
    most = max(longest, boundaries[1])

    def check(value: Any) -> tuple[int, int]:
        boundaries = _as_boundaries(value)
        _between(words, 1, most, whole=True)(boundaries[1])
        return boundaries

    return Slider(name, check, tooltip, words, value=boundaries, stops=_whole(1, most))


def _as_boundaries(value: Any) -> tuple[int, int]:
    pair = [as_number(epoch) for epoch in value] if np.iterable(value) else []
    if len(pair) != 2 or not pair[0] < pair[1]:
        raise ValueError(
            "`boundaries` must be two epochs, the earlier one first. "
            f"Received: boundaries={value!r}. Try boundaries=(5, 10)."
        )
    first, last = (as_whole_number(epoch, "boundaries", 1) for epoch in value)
    return first, last


def notches(
    name: str, value: Any, options: Iterable[Any], tooltip: str, description: str = ""
) -> Checked:
    """A slider with a notch at each of some numbers, the first value among them."""
    options = sorted({*options, value})
    words = description or name.replace("_", " ")

    def check(value: Any) -> Any:
        number = as_number(value)
        for option in options:
            if math.isclose(option, number, rel_tol=1e-6):
                return option
        raise ValueError(
            f"{words!r} must be one of {options}. Received: {value!r}. Try {options[0]!r}."
        )

    marks = [(place, f"{option:g}") for place, option in enumerate(options)]
    return Slider(name, check, tooltip, description, value=value, stops=options, marks=marks)


def choice(
    name: str, value: Any, options: Iterable[str], tooltip: str, description: str = ""
) -> Checked:
    """A choice among words.

    Raises:
        ValueError: If the first one is not among them.
    """
    options, words = list(options), description or name

    def check(value: Any) -> Any:
        if value not in options:
            raise ValueError(
                f"`{words}` must be one of {options}. Received: {words}={value!r}. "
                f"Try {words}={options[0]!r}."
            )
        return value

    return _Choice(
        name, check, tooltip, description, value=check(value), options=options, style=_STYLE
    )


def checkbox(name: str, value: Any, tooltip: str) -> Checked:
    """A box to tick.

    Raises:
        ValueError: If the first value is neither True nor False.
    """

    def check(value: Any) -> bool:
        if value not in (True, False):
            raise ValueError(
                f"`{name}` must be True or False. Received: {name}={value!r}. Try {name}=True."
            )
        return bool(value)

    return _Checkbox(name, check, tooltip, value=check(value), style=_STYLE)


def several(
    name: str, value: Any, options: Iterable[str], tooltip: str, description: str = ""
) -> Checked:
    """A list in which several words may be chosen.

    Raises:
        ValueError: If one of the first values is not among them.
    """
    options = list(options)

    def check(value: Any) -> tuple[str, ...]:
        words = np.iterable(value) and not isinstance(value, str)
        if not words or any(word not in options for word in value):
            raise ValueError(
                f"`{name}` must be a list of some of {options}. "
                f"Received: {name}={value!r}. Try {name}={(options[0], options[-1])!r}."
            )
        return tuple(value)

    look = {"style": {"description_width": "140px"}, "layout": {"width": "340px"}}
    # As many rows as options, so that none that is chosen is out of sight.
    rows = {"options": options, "rows": len(options)}
    return _Several(name, check, tooltip, description, value=check(value), **rows, **look)


def speed_slider(name: str, value: Any, description: str) -> Checked:
    """A slider of epochs a second."""
    tooltip = "How many epochs are trained a second, if the model is as fast"
    stops = _logarithmic(0.1, 30)
    check, marks = _between(description, stops[0], stops[-1]), _decades(stops)
    return Slider(name, check, tooltip, description, value=float(value), stops=stops, marks=marks)


def button(words: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
    """Make a button that does something."""
    made = ipywidgets.Button(description=words, tooltip=tooltip, layout={"width": "auto"})
    made.on_click(lambda _: action())
    return made


def toggle(words: str, tooltip: str, action: Callable[[Any], None]) -> ToggleView:
    """Make a button that stays pressed until it is pressed again."""
    made = ToggleView(description=words, tooltip=tooltip, layout={"width": "auto"})
    made.observe(action, "value")
    return made


def _between(
    description: str, least: float, most: float, further: str = "", *, whole: bool = False
) -> Callable[[Any], float]:
    """A check of numbers between two others; they come out as Python's own."""

    def check(value: Any) -> float:
        number = as_number(value)
        spare = 1e-6 * abs(number)  # 0.98 as a np.float32 is a little more
        inside = math.isfinite(number) and least - spare <= number <= most + spare
        if not inside or (whole and not number.is_integer()):
            near = most if number > most else number if inside else least
            raise ValueError(
                f"{description!r} must be a {'whole ' * whole}number from {least:.4g} to "
                f"{most:.4g}, for so far its slider goes. Received: {value!r}. "
                f"Try {int(near) if whole else near:.4g}.{further}"
            )
        return int(number) if whole else min(max(number, least), most)

    return check
