"""The map of rate against momentum on a bowl: what each pair does to the distance, by formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import patheffects

from lrlab.figures.heat_map import HeatMap
from lrlab.figures.ink import DASHES, FONT, Theme, number_text
from lrlab.figures.plot import LINE_HEIGHT
from lrlab.figures.screen import typeface
from lrlab.quadratic import Descent

__all__ = ["BowlMap"]

_MOMENTA = tuple(k / 20 for k in range(20))
_RATES = tuple(10 ** (k / 12) for k in range(-24, 13))  # twelve to a factor of ten
_REGIMES = "nearer from one side", "swings", "diverges"
_TENTH = 0.1  # of the distance


class BowlMap(HeatMap):
    """A `HeatMap` of how gradient descent on a bowl fares, over learning rate and momentum.

    A cell is the number of steps in which the distance from the lowest point becomes a tenth, in
    the long run. Two lines part the regimes: the weight comes nearer from one side, it swings about
    the lowest point and comes nearer all the same, or it diverges.

    Args:
        momenta: From 0 up to but not 1, one a row, rising.
        learning_rates: Above 0, one a column, rising.
        curvature: The second derivative of the loss, λ.
        size: Width and height of the picture in pixels.
        theme: "light" or "dark".

    Raises:
        ValueError: If an argument cannot work.

    Example:
        >>> bowl_map = BowlMap(momenta=[0.0, 0.25], learning_rates=[0.1, 1.0, 3.0])
        >>> bowl_map.png()[1:4]
        b'PNG'
        >>> for sentence in bowl_map.describe().split(". ")[-3:]:
        ...     print(sentence)
        At momentum 0 it comes nearer from one side up to a rate of 1, swings up to 2
        At momentum 0.25 it comes nearer from one side up to a rate of 0.25, swings up to 2.5
        Beyond that it diverges.
    """

    def __init__(
        self,
        momenta: Sequence[float] = _MOMENTA,
        learning_rates: Sequence[float] = _RATES,
        *,
        curvature: float = 1.0,
        size: tuple[int, int] = (760, 420),
        theme: Theme = "light",
    ) -> None:
        _check(momenta, learning_rates, curvature)
        super().__init__(
            momenta,
            learning_rates,
            row_label="momentum",
            column_label="learning rate",
            value_label="steps to a tenth of the distance",
            size=size,
            theme=theme,
        )
        self._curvature = curvature
        self._add_regimes()
        self.draw([[self._steps(m, rate) for rate in self.columns] for m in self.rows])

    def describe(self) -> str:
        """Say in plain words what the picture shows, for those who cannot see it."""
        sentences = [super().describe()]
        for momentum in dict.fromkeys((self.rows[0], self.rows[-1])):
            swings, limit = map(number_text, self._edges_at(momentum))
            sentences.append(
                f"At momentum {number_text(momentum)} it comes nearer from one side up to a rate "
                f"of {swings}, swings up to {limit}."
            )
        return f"{' '.join(sentences)} Beyond that it diverges."

    def _steps(self, momentum: float, rate: float) -> float:
        descent = self._descent(momentum, rate)
        if rate >= descent.limit:
            return math.inf
        growth = descent.growth(self._curvature)
        return max(1.0, math.log(_TENTH) / math.log(growth)) if growth else 1.0

    def _descent(self, momentum: float, rate: float = 1.0) -> Descent:
        return Descent((self._curvature,), (1.0,), rate, momentum)

    def _edges_at(self, momentum: float) -> tuple[float, float]:
        descent = self._descent(momentum)
        return descent.swings_from, descent.limit

    def _add_regimes(self) -> None:
        """The two lines between the regimes, and a name in each, on all colours readable."""
        halo = [patheffects.withStroke(linewidth=4, foreground=self._ink["background"])]
        up = np.linspace(0, len(self.rows), 200)
        momenta = np.interp(up - 0.5, range(len(self.rows)), self.rows)
        swings, limit = np.transpose([self._across(self._edges_at(m)) for m in momenta])
        for edge, dashes in ((swings, "-"), (limit, DASHES)):
            line = self._add_line(self._axes, "text", ls=dashes, lw=2, path_effects=halo)
            inside = (edge > 0) & (edge < len(self.columns))
            line.set_data(edge[inside], up[inside])
        middle = 0.3 * len(self.rows)
        inner = [float(np.interp(middle, up, edge)) for edge in (swings, limit)]
        ends = [0.0, *inner, float(len(self.columns))]
        style: dict[str, Any] = {"color": self._ink["text"], "path_effects": halo, **FONT}
        style |= {"ha": "center", "va": "center", "animated": True}
        for low, high, words in zip(ends, ends[1:], _REGIMES, strict=False):
            room = (high - low) * self._cell[0]
            if room > LINE_HEIGHT:
                said, turned = _fitted(words, room)
                place = (low + high) / 2, middle
                self._moving.append(self._axes.text(*place, said, rotation=turned, **style))

    def _across(self, rates: Sequence[float]) -> np.ndarray:
        """Where rates lie across the columns, by ratios; at the side if they lie beyond."""
        known = np.log(self.columns)
        ends = known[0] - (known[1] - known[0]) / 2, known[-1] + (known[-1] - known[-2]) / 2
        places = [0, *(np.arange(len(known)) + 0.5), len(known)]
        across: np.ndarray = np.interp(np.log(rates), [ends[0], *known, ends[1]], places)
        return across


def _fitted(words: str, room: float) -> tuple[str, float]:
    """Words in lines that are narrow enough, or else turned upright, by so many degrees."""
    for said in (words, fill(words, len(words) // 2 + 2), words.replace(" ", "\n")):
        if max(map(typeface().getlength, said.split("\n"))) < room:
            return said, 0
    return words, 90


def _check(momenta: Sequence[float], rates: Sequence[float], curvature: float) -> None:
    for name, values, low, high in (
        ("momenta", momenta, 0, 1),
        ("learning_rates", rates, 5e-324, math.inf),
    ):
        numbers = np.asarray(values, float)
        if not (numbers.size > 1 and (np.diff(numbers) > 0).all()):
            raise ValueError(f"{name} must be two or more, rising. Received: {name}={values!r}.")
        if not low <= numbers[0] <= numbers[-1] < high:
            raise ValueError(
                f"{name} must be {'from 0 up to but not 1' if high == 1 else 'above 0'}. "
                f"Received: {name}={values!r}."
            )
    if not 0 < curvature < math.inf:
        raise ValueError(f"curvature must be a number above 0. Received: {curvature!r}.")
