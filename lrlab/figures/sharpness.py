"""The picture of a training with its sharpness: the loss above, the sharpness below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from lrlab.figures.curves import CurvesFigure
from lrlab.figures.history import Curves, describe

__all__ = ["SharpnessFigure", "describe_sharpness"]


class SharpnessFigure(CurvesFigure):
    """A `CurvesFigure` whose lower axis shows the sharpness, and dotted the limit 2/learning rate.

    `Curves` take the sharpness, a value an epoch, in place of the learning rates.

    Args:
        epochs: Length of the epoch axis.
        highest: The sharpness at which the lower axis ends; what lies above is marked at its edge.
        look: `start_loss`, `size`, `theme` and `loss_scale`, as of a `CurvesFigure`.

    Example:
        >>> figure = SharpnessFigure(3, highest=10)
        >>> limit = np.full(3, 4.0)  # of a learning rate of 0.5
        >>> figure.draw(Curves({"loss": [1.0, 0.5, 0.2]}, np.array([3.1, 3.9, 4.1])), (), limit)
        >>> figure.png()[1:4]
        b'PNG'
    """

    _below = "sharpness"
    _share_below = 0.45
    _meant = "2/learning rate"

    def __init__(self, epochs: int, highest: float, **look: Any) -> None:
        super().__init__(epochs, rates=(1e-9 * highest, highest), **look)

    def _scale_below(self) -> None:
        self._rate_axes.set_ylim(0, self._rates[1])
        self._rate_axes.yaxis.set_major_locator(MaxNLocator(5))


def describe_sharpness(
    curves: Curves, epochs: int, limit: float, *, metrics: Sequence[str] = ("loss",)
) -> str:
    """Say in plain words what the picture shows, for those who cannot see it.

    Args:
        curves: The run, with the sharpness in place of the learning rates.
        epochs: How many epochs it was to last.
        limit: 2 divided by the learning rate.
        metrics: Which values of the history are shown above.

    Example:
        >>> curves = Curves({"loss": [0.30, 0.02]}, np.array([3.1, 4.07]))
        >>> for sentence in describe_sharpness(curves, 2, 4.0).split(". "):
        ...     print(sentence)
        Training loss falls from 0.3 to 0.02 in 2 epochs
        The sharpness goes from 3.1 to 4.07, at most 4.07
        2/learning rate is 4.
    """
    words = describe(curves, epochs, metrics=metrics, with_rates=False)
    trace = curves.learning_rates[np.isfinite(curves.learning_rates)]
    if len(trace):
        first, last, highest = trace[0], trace[-1], trace.max()
        words += f" The sharpness goes from {first:.3g} to {last:.3g}, at most {highest:.3g}."
    return f"{words} 2/learning rate is {limit:.3g}."
