"""The picture of a model on its way to a new task: the loss there, and what it still knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lrlab.figures.comparisons import new_panels
from lrlab.figures.curves import CurvesFigure
from lrlab.figures.history import Curves, describe
from lrlab.figures.ink import FONT, THEMES
from lrlab.figures.picture import Picture

__all__ = ["FineTuningFigure", "describe_fine_tuning", "old_against_new"]

_MARKS = "os^Dvx+*"


class FineTuningFigure(CurvesFigure):
    """A `CurvesFigure` whose lower axis shows the accuracy on an old task, and dotted that before.

    `Curves` take that accuracy, a value an epoch, in place of the learning rates.

    Args:
        epochs: Length of the epoch axis.
        look: `start_loss`, `size`, `theme` and `loss_scale`, as of a `CurvesFigure`.

    Example:
        >>> figure = FineTuningFigure(3)
        >>> figure.draw(
        ...     Curves({"loss": [1.0, 0.5, 0.2]}, np.array([0.9, 0.8, 0.8])), (), np.ones(3)
        ... )
        >>> figure.png()[1:4]
        b'PNG'
    """

    _below = "old accuracy"
    _share_below = 0.45
    _meant = "before"

    def __init__(self, epochs: int, **look: Any) -> None:
        super().__init__(epochs, rates=(1e-9, 1.05), **look)

    def _scale_below(self) -> None:
        self._rate_axes.set_ylim(0, self._rates[1])
        self._rate_axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])


def describe_fine_tuning(
    curves: Curves, epochs: int, before: float, *, metrics: Sequence[str] = ("loss",)
) -> str:
    """Say in plain words what the picture shows, for those who cannot see it.

    Args:
        curves: The run, with the accuracy on the old task in place of the learning rates.
        epochs: How many epochs it was to last.
        before: The accuracy on the old task before the run.
        metrics: Which values of the history are shown above.

    Example:
        >>> curves = Curves({"loss": [0.30, 0.02]}, np.array([0.9, 0.75]))
        >>> for sentence in describe_fine_tuning(curves, 2, 0.99).split(". "):
        ...     print(sentence)
        Training loss falls from 0.3 to 0.02 in 2 epochs
        On the old task the accuracy goes from 0.99 to 0.75.
    """
    words = describe(curves, epochs, metrics=metrics, with_rates=False)
    if not len(curves.learning_rates):
        return words
    after = curves.learning_rates[-1]
    return f"{words} On the old task the accuracy goes from {before:.3g} to {after:.3g}."


def old_against_new(ways: Mapping[str, Sequence[tuple[float, float]]], alt: str) -> Picture:
    """Draw what ways of fine-tuning come to: a mark a start, by new and old accuracy.

    Args:
        ways: By name, a pair for each start: the accuracy on the new task, and on the old one.
        alt: What the picture shows, in words.

    Raises:
        ValueError: If there are more ways than marks that can be told apart.

    Example:
        >>> old_against_new({"frozen": [(0.6, 0.99), (0.7, 0.99)]}, "Frozen, nothing is forgotten.")
        Frozen, nothing is forgotten.
    """
    if len(ways) > len(_MARKS):
        raise ValueError(
            f"`ways` must be at most {len(_MARKS)}, that marks tell apart. "
            f"Received: {len(ways)}. Draw two pictures."
        )
    ink = THEMES["light"]
    colors = [ink["training"], ink["validation"], ink["text"], *ink["pins"]]
    figure, (axes,) = new_panels(380)
    for (name, pairs), mark, color in zip(ways.items(), _MARKS, colors, strict=False):
        new, old = np.array(pairs).T
        axes.plot(new, old, mark, color=color, ms=9, label=name, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy on the old digits")
    axes.set_xlabel("accuracy on the new digits")
    figure.legend(
        loc="outside right upper", frameon=False, labelcolor=ink["text"], prop=FONT, handlelength=1
    )
    return Picture.of(figure, alt)
