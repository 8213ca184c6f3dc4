"""The pictures of a sweep: a heat map over two settings, and a U-curve over the rate.

A sweep comes here as its points: of each schedule the settings, as in the sweep's table, and a
final number from each seed, infinite where the training diverged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lrlab.figures.heat_map import HeatMap
from lrlab.figures.ink import Theme
from lrlab.figures.picture import Picture
from lrlab.figures.rates import Measured, RangeFigure, describe_range_test

__all__ = ["Points", "heat_map", "in_words", "u_curve", "value_label"]

Settings: TypeAlias = Mapping[str, Any]
Points: TypeAlias = Sequence[tuple[Settings, Sequence[float]]]

_NAMES = {"initial_learning_rate": "first rate"}  # as the sliders of the explorers call it


def heat_map(
    points: Points,
    by: str,
    epochs: int,
    fixed: Settings,
    *,
    highest: bool,
    theme: Theme = "light",
) -> Picture:
    """Draw the means over the seeds, over the two settings that vary; the first goes up the side.

    Args:
        points: A schedule each.
        by: What the numbers are, a key of the history.
        epochs: After how many epochs.
        fixed: Of further settings that vary, the values at which to look.
        highest: Whether the highest number is the best.
        theme: "light" or "dark".

    Raises:
        ValueError: If not two settings vary.
    """
    shown = _varying(points, 2, fixed)
    row, column = shown[0][0]
    up, across = (sorted({settings[name] for settings, _ in shown}) for name in (row, column))
    values = np.full((len(up), len(across)), np.nan)
    for settings, numbers in shown:
        if numbers:
            values[up.index(settings[row]), across.index(settings[column])] = _mean(numbers)
    figure = HeatMap(
        up,
        across,
        row_label=in_words(row),
        column_label=in_words(column),
        value_label=value_label(by, epochs),
        highest=highest,
        theme=theme,
    )
    figure.draw(values)
    return Picture(figure.png(), figure.describe())


def u_curve(
    points: Points,
    by: str,
    epochs: int,
    fixed: Settings,
    *,
    start_loss: float,
    theme: Theme = "light",
) -> Picture:
    """Draw final losses over the rate, a dot a seed and a line through their means.

    Args:
        points: A schedule each.
        by: Which loss it is, a key of the history.
        epochs: After how many epochs.
        fixed: Of further settings that vary, the values at which to look.
        start_loss: That of the untrained model.
        theme: "light" or "dark".

    Raises:
        ValueError: If it is no loss, or if more than one setting varies, or none, or it is not a
            rate.
    """
    if not by.endswith("loss"):
        raise ValueError(
            f'A U-curve is of a loss. Received: by={by!r}. Use "val_loss" or "loss", or look '
            f"at summary({by!r})."
        )
    shown = _varying(points, 1, fixed)
    (name,) = shown[0][0]
    runs = sum(len(losses) for _, losses in shown)
    if not name.endswith("learning_rate") or not runs:
        raise ValueError(
            "A U-curve is over a learning rate, with a run or more. Received: "
            f"{runs} runs over {name}. Look at rows() instead."
        )
    final: dict[float, list[float]] = {}
    for settings, losses in shown:
        if losses:
            final.setdefault(settings[name], []).extend(losses)
    nothing, label = np.empty(0), value_label(by, epochs)
    measured = Measured(nothing, nothing, nothing, final=final, middle=_mean)
    low, high = min(final), max(final)
    # Not beyond what a float can hold.
    ends = max(math.floor(math.log10(low)), -307), min(math.ceil(math.log10(high)), 308)
    decades = 10.0 ** ends[0], 10.0 ** ends[1]
    figure = RangeFigure(start_loss, label, rates=decades, theme=theme, test=False)
    figure.draw(measured)
    lost = sum(not math.isfinite(loss) for losses in final.values() for loss in losses)
    diverged = f"; {lost} runs diverged" if lost else ""
    alt = f"{label} at {len(final)} learning rates from {low:.3g} to {high:.3g}{diverged}. "
    return Picture(figure.png(), alt.capitalize() + describe_range_test(measured))


def _varying(points: Points, count: int, fixed: Settings) -> Points:
    """The points at the fixed settings, with no other settings than those that vary."""
    shown = [
        (settings, numbers)
        for settings, numbers in points
        if all(settings.get(name) == value for name, value in fixed.items())
    ]
    kinds = {tuple(settings) for settings, _ in shown}
    seen: dict[str, set[Any]] = {name: set() for kind in kinds for name in kind}
    for settings, _ in shown:
        for name, value in settings.items():
            seen[name].add(value)
    names = [name for name, values in seen.items() if len(values) > 1]
    if len(kinds) != 1 or len(names) != count or "schedule" in names:
        raise ValueError(
            f"{'One setting' if count == 1 else 'Two settings'} of one kind of schedule must "
            f"vary in such a picture. Received: schedules that vary in {names or 'nothing'}. "
            "Hold others at a value, as in heat_map(epochs_per_drop=5), or look at rows()."
        )
    return [({name: settings[name] for name in names}, numbers) for settings, numbers in shown]


def _mean(numbers: Any) -> float:
    """Infinity where a number is, or where their sum is too large."""
    with np.errstate(over="ignore"):
        return float(np.mean(numbers))


def value_label(by: str, epochs: int) -> str:
    """What a last number of the history is of."""
    name = f"validation {by[4:]}" if by.startswith("val_") else by
    return f"{name} after {epochs} epochs"


def in_words(setting: str) -> str:
    """What a setting is called in a picture."""
    return _NAMES.get(setting, setting.replace("_", " "))
