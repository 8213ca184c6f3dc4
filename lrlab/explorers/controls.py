"""The sliders of the explorers. All of them report while they move, and move by the arrow keys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from lrlab._checks import as_learning_rate, as_number, as_whole_number

_STYLE = {"description_width": "160px"}
_LAYOUT = {"width": "100%", "max_width": "740px"}


class RateSlider(ipywidgets.FloatLogSlider):
    """A logarithmic slider that a page moves in steps of two digits: 0.5 rather than 0.501187.

    A page answers every value with the nearest position of its slider, even when it first shows it.
    Such an answer moves nothing here: what a program has set stays as it was.
    """

    value = traitlets.CFloat(1.0).tag(sync=True, echo_update=False)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page sends."""
        if "value" in sync_data:
            sent = sync_data.pop("value")
            if abs(math.log(sent / self.value, self.base)) > self.step / 2:
                sync_data = sync_data | {"value": float(f"{sent:.2g}")}
        super().set_state(sync_data)


def rate_slider(
    description: str,
    value: float,
    tooltip: str = "The learning rate: how far each step goes. The axis is logarithmic",
) -> RateSlider:
    """A logarithmic slider from 0.0001 to 10, further where the first value lies beyond."""
    rate = as_learning_rate(value)
    return RateSlider(
        value=rate,
        min=min(-4, math.floor(math.log10(rate))),
        max=max(1, math.ceil(math.log10(rate))),
        step=0.05,
        readout_format=".2g",
        **_common(description, tooltip),
    )


def factor_slider(description: str, value: float) -> ipywidgets.FloatSlider:
    """A slider from 0.05 to 1, where 1 leaves the rate as it is."""
    return ipywidgets.FloatSlider(
        value=value,
        min=min(0.05, value),
        max=1,
        step=0.05,
        readout_format=".2f",
        **_common(description, "What the rate is multiplied by at each drop; 1 leaves it alone"),
    )


def interval_slider(description: str, value: int) -> ipywidgets.IntSlider:
    """A slider of whole epochs."""
    return ipywidgets.IntSlider(
        value=value,
        min=1,
        max=max(15, value),
        **_common(description, "Epochs from one drop of the rate to the next"),
    )


def number_slider(
    description: str,
    value: float,
    least: float,
    most: float,
    tooltip: str,
    *,
    name: str,
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
    return ipywidgets.FloatSlider(
        value=number,
        min=least,
        max=most,
        step=0.05 if most < 10 else 1,
        readout_format=".2f" if most < 10 else ".0f",
        **_common(description, tooltip),
    )


def epochs_slider(
    description: str, value: int, longest: int, tooltip: str, *, least: int = 1, name: str
) -> ipywidgets.IntSlider:
    """A slider of whole epochs up to the longest, or further where the first value lies beyond."""
    epochs = as_whole_number(value, name, least)
    return ipywidgets.IntSlider(
        value=epochs, min=least, max=max(longest, epochs), **_common(description, tooltip)
    )


def boundaries_slider(
    description: str, value: Sequence[int], longest: int
) -> ipywidgets.IntRangeSlider:
    """A slider with two handles, for the two epochs in which the rate changes.

    Raises:
        ValueError: Unless the first value is two epochs in order.
    """
    if np.shape(value) != (2,) or not value[0] < value[1]:
        raise ValueError(
            "`boundaries` must be two epochs, the earlier one first. "
            f"Received: boundaries={value!r}. Try boundaries=(5, 10)."
        )
    first, last = (as_whole_number(epoch, "boundaries", 1) for epoch in value)
    return ipywidgets.IntRangeSlider(
        value=(first, last),
        min=1,
        max=max(longest, last),
        **_common(description, "The two epochs in which the rate changes"),
    )


def notches(
    description: str,
    value: Any,
    options: Sequence[Any],
    tooltip: str,
) -> ipywidgets.SelectionSlider:
    """A slider with a notch at each of some numbers."""
    return ipywidgets.SelectionSlider(
        value=value,
        options=[(f"{option:g}", option) for option in options],
        **_common(description, tooltip),
    )


def choice(
    description: str, value: str, options: Iterable[str], tooltip: str
) -> ipywidgets.Dropdown:
    """A choice among words.

    Raises:
        ValueError: If the first one is not among them.
    """
    options = list(options)
    if value not in options:
        raise ValueError(
            f"`{description}` must be one of {options}. Received: {description}={value!r}. "
            f"Try {description}={options[0]!r}."
        )
    return ipywidgets.Dropdown(value=value, options=options, **_common(description, tooltip))


def checkbox(description: str, value: bool, tooltip: str) -> ipywidgets.Checkbox:
    """A box to tick."""
    return ipywidgets.Checkbox(value=bool(value), **_common(description, tooltip))


def smoothing_slider(description: str, value: float) -> ipywidgets.FloatSlider:
    """A slider from 0, which smooths nothing, to 0.98."""
    return ipywidgets.FloatSlider(
        value=value,
        min=0,
        max=0.98,
        step=0.02,
        readout_format=".2f",
        **_common(description, "How much of the earlier losses each smoothed loss keeps"),
    )


def speed_slider(description: str, value: float) -> ipywidgets.FloatLogSlider:
    """A slider of epochs a second."""
    return ipywidgets.FloatLogSlider(
        value=value,
        min=-1,
        max=1.5,
        step=0.1,
        readout_format=".2g",
        **_common(description, "How many epochs are trained a second, if the model is as fast"),
    )


def _common(description: str, tooltip: str) -> dict[str, Any]:
    return {
        "description": description,
        "tooltip": tooltip,
        "style": _STYLE,
        "layout": _LAYOUT,
    }
