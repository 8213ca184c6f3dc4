"""Where an axis ends, where it has its ticks, and what stands there."""

import math
from typing import Any

import numpy as np
from matplotlib.ticker import ScalarFormatter

from lrlab.figures.ink import number_text

__all__ = ["HUGE", "LossTicks", "decades", "epochs_between_ticks", "round_up", "within_reach"]

HUGE = 1e30  # Matplotlib cannot place 1e308 on a linear axis
_FURTHEST = 1e150  # Matplotlib adds margins, which beyond 1e308 would be infinite
_LONG, _SHORT = 1e5, 1e-3  # losses from here on, and axes up to here, have an exponent


class LossTicks(ScalarFormatter):
    """Matplotlib's labels, but 8e5 for 800000, and 8e-5, which would run into the axis's name."""

    def __init__(self) -> None:
        super().__init__(useOffset=False)
        self.set_scientific(False)  # or a factor would stand above the axis

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Write the label of a tick."""
        assert self.axis is not None
        top = max(map(abs, self.axis.get_view_interval()))
        if abs(x) >= _LONG or top < _SHORT:
            return number_text(x if abs(x) > 1e-9 * top else 0)
        return super().__call__(x, pos)


def decades(low: float, high: float) -> range:
    """The powers of ten from one number to another.

    Example:
        >>> list(decades(0.02, 100))
        [-1, 0, 1, 2]
    """
    return range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)


def epochs_between_ticks(epochs: int, most: int = 10) -> int:
    """1, 2 or 5 times a power of ten, that fits in at most so often; one ends there if it can be.

    Example:
        >>> [epochs_between_ticks(epochs) for epochs in (7, 15, 40)]
        [1, 5, 5]
    """
    steps = [n * 10**power for power in range(8) for n in (1, 2, 5)]
    few: list[int] = [step for step in steps if epochs <= most * step]
    return next((step for step in few if epochs % step == 0), few[0])


def round_up(value: float) -> float:
    """The next round number: 1, 1.2, 1.5, 2, 3, ... times a power of ten; 0 for what is below 0.

    Example:
        >>> [round_up(value) for value in (0.11, 2.4, 90, -1)]
        [0.12, 3.0, 100.0, 0.0]
    """
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(n * power for n in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10) if n * power >= value)


def within_reach(values: Any) -> np.ndarray:
    """Finite numbers as Matplotlib can place them; NaN and infinity as they are.

    Example:
        >>> within_reach([1e307, -2.0, np.inf]).tolist()
        [1e+150, -2.0, inf]
    """
    values = np.asarray(values, dtype=float)
    within: np.ndarray = np.where(
        np.isfinite(values), np.clip(values, -_FURTHEST, _FURTHEST), values
    )
    return within
