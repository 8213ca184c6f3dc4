"""Numbers as people give them, made into what Keras takes, or a clear ValueError at the door."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def as_learning_rate(value: Any, name: str = "learning_rate") -> float:
    """Return a learning rate as a Python float: Keras's optimizers refuse an int or np.float32.

    Raises:
        ValueError: Unless it is a finite number above 0.
    """
    rate = as_number(value)
    if not 0 < rate < math.inf:
        raise ValueError(
            f"`{name}` must be a finite number above 0. Received: {name}={value!r}. "
            "0.01 is a usual start for SGD, 0.001 for Adam."
        )
    return rate


def as_number(value: Any) -> float:
    """A Python, NumPy or tensor number as a float, NaN for anything else."""
    if isinstance(value, bool | np.bool_ | str | bytes | list | tuple) or np.ndim(value) != 0:
        return math.nan
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        return math.nan


def as_whole_number(value: Any, name: str, least: int) -> int:
    """Return a whole number as a Python int.

    Raises:
        ValueError: Unless it is a whole number of at least `least`.
    """
    number = as_number(value)
    if not (least <= number < math.inf and number == int(number)):
        near = max(least, int(number)) if math.isfinite(number) else least
        raise ValueError(
            f"`{name}` must be a whole number of at least {least}. Received: {name}={value!r}. "
            f"Try {name}={near}."
        )
    return int(number)
