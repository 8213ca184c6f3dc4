"""The sliders of the explorers. All of them report while they move, and move by the arrow keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import ipywidgets
import numpy as np
import traitlets

from lrlab.checks import as_learning_rate, as_number, as_whole_number

Control = TypeVar("Control", bound="_Checked")
_STYLE = {"description_width": "160px"}
_LAYOUT = {"width": "100%", "max_width": "740px"}


class _Checked(ipywidgets.ValueWidget):
    """A control that explains what it cannot take, where ipywidgets would take something else.

    What comes from a page does not pass here: it is always within the ends.
    """

    _check: Callable[[Any], Any] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "value" and self._check is not None:
            value = self._check(value)
        super().__setattr__(name, value)

    def checked(self: Control, check: Callable[[Any], Any]) -> Control:
        """Take from now on only what `check` returns, or raises a ValueError about."""
        self._check = check
        return self


class _FloatSlider(_Checked, ipywidgets.FloatSlider):
    pass


class _LogSlider(_Checked, ipywidgets.FloatLogSlider):
    pass


class _IntSlider(_Checked, ipywidgets.IntSlider):
    pass


class _IntRangeSlider(_Checked, ipywidgets.IntRangeSlider):
    pass


class _Notches(_Checked, ipywidgets.SelectionSlider):
    pass


class _Choice(_Checked, ipywidgets.Dropdown):
    pass


class _Checkbox(_Checked, ipywidgets.Checkbox):
    pass


class Several(_Checked, ipywidgets.SelectMultiple):
    """A list in which several may be chosen."""


class RateSlider(_LogSlider):
    """A logarithmic slider that a page moves in steps of two digits: 0.5 rather than 0.501187.

    A page answers every value with the nearest position of its slider, even when it first shows it.
    Such an answer moves nothing here: what a program has set stays as it was.
    """

    value = traitlets.CFloat(1.0).tag(sync=True, echo_update=False)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page sends."""
        if "value" in sync_data:
            sent = sync_data.pop("value")
            known = math.isfinite(self.value)
            if not known or abs(math.log(sent / self.value, self.base)) > self.step / 2:
                sync_data = sync_data | {"value": float(f"{sent:.2g}")}
        super().set_state(sync_data)


def rate_slider(
    description: str,
    value: float,
    tooltip: str = "The learning rate: how far each step goes. The axis is logarithmic",
) -> RateSlider:
    """A logarithmic slider from 0.0001 to 10, further where the first value lies beyond."""
    rate = as_learning_rate(value)
    low, high = min(-4, math.floor(math.log10(rate))), max(1, math.ceil(math.log10(rate)))
    further = " A new explorer whose first value lies beyond goes further."
    return RateSlider(
        value=rate,
        min=low,
        max=high,
        step=0.05,
        readout_format=".2g",
        **_common(description, tooltip),
    ).checked(_within(description, 10.0**low, 10.0**high, further))


def factor_slider(description: str, value: float) -> ipywidgets.FloatSlider:
    """A slider from 0.05 to 1, where 1 leaves the rate as it is."""
    tooltip = "What the rate is multiplied by at each drop; 1 leaves it alone"
    least = min(0.05, as_number(value))
    return number_slider(description, value, least, 1, tooltip, name="decay_factor")


def interval_slider(description: str, value: int) -> ipywidgets.IntSlider:
    """A slider of whole epochs."""
    tooltip = "Epochs from one drop of the rate to the next"
    return epochs_slider(description, value, 15, tooltip, name="epochs_per_drop")


def number_slider(
    description: str,
    value: float,
    least: float,
    most: float,
    tooltip: str,
    *,
    name: str,
    step: float | None = None,
) -> ipywidgets.FloatSlider:
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
    return _FloatSlider(
        value=number,
        min=least,
        max=most,
        step=step or (0.05 if most < 10 else 1),
        readout_format=".2f" if most < 10 else ".0f",
        **_common(description, tooltip),
    ).checked(_within(description, least, most))


def epochs_slider(
    description: str, value: int, longest: int, tooltip: str, *, least: int = 1, name: str
) -> ipywidgets.IntSlider:
    """A slider of whole epochs up to the longest, or further where the first value lies beyond."""
    epochs = as_whole_number(value, name, least)
    most = max(longest, epochs)
    slider = _IntSlider(value=epochs, min=least, max=most, **_common(description, tooltip))
    return slider.checked(_within(description, least, most, whole=True))


def boundaries_slider(
    description: str, value: Sequence[int], longest: int
) -> ipywidgets.IntRangeSlider:
    """A slider with two handles, for the two epochs in which the rate changes.

    Raises:
        ValueError: Unless the first value is two epochs in order.
    """
    first, last = _as_boundaries(value)
    most = max(longest, last)

    def check(value: Any) -> tuple[int, int]:
        boundaries = _as_boundaries(value)
        _within(description, 1, most, whole=True)(boundaries[1])
        return boundaries

    return _IntRangeSlider(
        value=(first, last),
        min=1,
        max=most,
        **_common(description, "The two epochs in which the rate changes"),
    ).checked(check)


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
    description: str,
    value: Any,
    options: Sequence[Any],
    tooltip: str,
) -> ipywidgets.SelectionSlider:
    """A slider with a notch at each of some numbers."""

    def check(value: Any) -> Any:
        number = as_number(value)
        for option in options:
            if math.isclose(option, number, rel_tol=1e-6):
                return option
        raise ValueError(
            f"{description!r} must be one of {list(options)}. Received: {value!r}. "
            f"Try {options[0]!r}."
        )

    return _Notches(
        value=value,
        options=[(f"{option:g}", option) for option in options],
        **_common(description, tooltip),
    ).checked(check)


def choice(
    description: str, value: str, options: Iterable[str], tooltip: str
) -> ipywidgets.Dropdown:
    """A choice among words.

    Raises:
        ValueError: If the first one is not among them.
    """
    options = list(options)

    def check(value: Any) -> Any:
        if value not in options:
            raise ValueError(
                f"`{description}` must be one of {options}. Received: {description}={value!r}. "
                f"Try {description}={options[0]!r}."
            )
        return value

    return _Choice(value=check(value), options=options, **_common(description, tooltip)).checked(
        check
    )


def checkbox(description: str, value: bool, tooltip: str) -> ipywidgets.Checkbox:
    """A box to tick."""

    def check(value: Any) -> bool:
        if value not in (True, False):
            raise ValueError(
                f"`{description}` must be True or False. Received: {description}={value!r}. "
                f"Try {description}=True."
            )
        return bool(value)

    return _Checkbox(value=check(value), **_common(description, tooltip)).checked(check)


def smoothing_slider(description: str, value: float) -> ipywidgets.FloatSlider:
    """A slider from 0, which smooths nothing, to 0.98."""
    tooltip = "How much of the earlier losses each smoothed loss keeps"
    return number_slider(description, value, 0, 0.98, tooltip, name="smoothing", step=0.02)


def speed_slider(description: str, value: float) -> ipywidgets.FloatLogSlider:
    """A slider of epochs a second."""
    return _LogSlider(
        value=value,
        min=-1,
        max=1.5,
        step=0.1,
        readout_format=".2g",
        **_common(description, "How many epochs are trained a second, if the model is as fast"),
    ).checked(_within(description, 0.1, 10**1.5))


def _within(
    description: str, least: float, most: float, further: str = "", *, whole: bool = False
) -> Callable[[Any], float]:
    """A check of numbers between two others; they come out as Python's own."""

    def check(value: Any) -> float:
        number = as_number(value)
        spare = 1e-6 * abs(number)  # 0.98 as a np.float32 is a little more
        inside = least - spare <= number <= most + spare
        if not inside or (whole and not number.is_integer()):
            near = most if number > most else number if inside else least
            raise ValueError(
                f"{description!r} must be a {'whole ' * whole}number from {least:.4g} to "
                f"{most:.4g}, for so far its slider goes. Received: {value!r}. "
                f"Try {int(near) if whole else near:.4g}.{further}"
            )
        return int(number) if whole else min(max(number, least), most)

    return check


def _common(description: str, tooltip: str) -> dict[str, Any]:
    return {
        "description": description,
        "tooltip": tooltip,
        "style": _STYLE,
        "layout": _LAYOUT,
    }
