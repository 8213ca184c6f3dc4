"""The picture of a race of optimizers: their paths on a landscape, and the loss over steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D

from lrlab.figures.ink import Theme, counted
from lrlab.figures.plot import LINE_HEIGHT, SIZE, Plot
from lrlab.figures.screen import typeface
from lrlab.figures.traces import Region
from lrlab.landscapes import LANDSCAPES, OPTIMIZERS, Journey

__all__ = ["REACH", "LandscapeFigure", "describe_race"]

REACH = 2.0, 1.5  # how far the weights go that are in view
_LEFT, _GAP, _RIGHT, _LOW, _HIGH = 54, 66, 16, 56, 412  # pixels
_LOSSES = 1e-4, 10.0
_AHEAD = 3.0  # how many steps long the arrows are drawn
_FAR = 1e3  # further away Agg need not draw a line


class LandscapeFigure(Plot):
    """A figure for a race, kept ready to be drawn again and again.

    From where each optimizer is, a line goes on along its last step, three times as long: with
    momentum that is its velocity, of RMSprop and Adam the scaled step. A dotted line is what plain
    SGD would do from there.

    Args:
        size: Width and height of the picture in pixels.
        theme: "light" or "dark".

    Example:
        >>> figure = LandscapeFigure()
        >>> figure.draw([Journey("saddle", "Adam", (1.5, 0.01), 0.1)])
        >>> figure.png()[1:4]
        b'PNG'
    """

    def __init__(self, *, size: tuple[int, int] = SIZE, theme: Theme = "light") -> None:
        super().__init__(size, theme)
        self._journeys: tuple[Journey, ...] = ()
        self._background = "bowl", -1  # the landscape and the steps that are drawn
        across = size[0] - _LEFT - _GAP - _RIGHT
        high = _HIGH - (self._rows - 1) * LINE_HEIGHT - _LOW
        wide = round(0.58 * across)
        self._map = self._add_axes(_LEFT, _LOW, wide, high, grid=False)
        self._map.set(xlim=(-REACH[0], REACH[0]), ylim=(-REACH[1], REACH[1]))
        self._map.set(xticks=range(-2, 3), yticks=(-1, 0, 1))
        self._name_axes(self._map, "weight x", "weight y", gap=38)
        self._loss = self._add_axes(_LEFT + wide + _GAP, _LOW, across - wide, high)
        self._loss.set(yscale="log", ylim=_LOSSES)
        self._loss.set_yticks([1e-4, 1e-2, 1, 10], ["1e-4", "0.01", "1", "10"])
        self._name_axes(self._loss, "step", "loss", gap=46)
        self._lines = {name: self._make_lines(k) for k, name in enumerate(OPTIMIZERS)}
        self._start = self._add_marks(self._map, "text", "s", 11, mfc="none", mew=2)

    def draw(self, journeys: Sequence[Journey]) -> None:
        """Draw the journeys of optimizers from one start on one landscape."""
        self._journeys, first = tuple(journeys), journeys[0]
        if (first.landscape, first.steps) != self._background:
            self._background = first.landscape, first.steps
            self._loss.set_xlim(0, max(first.steps, 1))
            self._stale = True
        self._begin()
        self._start.set_data([first.start[0]], [first.start[1]])
        shown = {journey.optimizer: journey for journey in journeys}
        for name, (path, end, ahead, plain, loss) in self._lines.items():
            for line in (path, end, ahead, plain, loss):
                line.set_data([], [])
            if name not in shown:
                continue
            journey = shown[name]
            places = np.clip(np.nan_to_num(journey.path, nan=_FAR), -_FAR, _FAR)
            path.set_data(*places.T)
            end.set_data(*places[-1:].T)
            if journey.steps:
                step = places[-1] - places[-2]
                ahead.set_data(*np.stack([places[-1], places[-1] + _AHEAD * step]).T)
                sgd = -journey.learning_rate * journey.gradient(places[-1])
                plain.set_data(*np.stack([places[-1], places[-1] + _AHEAD * sgd]).T)
            losses = np.clip(np.nan_to_num(journey.losses, nan=np.inf), _LOSSES[0] / 9, _FAR)
            loss.set_data(np.arange(len(losses)), losses)
        self._draw_moving()
        self._write_names()

    def _write_names(self) -> None:
        """Who is drawn in which colour, and the loss of each at the end."""
        narrow, x = self._rows > 1, float(_LEFT)
        for k, journey in enumerate(self._journeys):
            words = f"● {journey.optimizer} {journey.losses[-1]:.2g}"
            place = _RIGHT + k % 2 * self.size[0] // 2 if narrow else x
            row = self._row(0) - k // 2 * LINE_HEIGHT * narrow
            self._write(place, row, words, self._colour(journey.optimizer))
            x += typeface().getlength(words) + 24

    def regions(self) -> list[Region]:
        """Where the steps of each optimizer lie, and their losses."""
        places, over_steps = [], []
        for journey in self._journeys:
            steps = np.arange(len(journey.losses))
            names, values = ("step", f"{journey.optimizer} loss"), (steps, journey.losses)
            places.append(self._trace(self._map, names, *journey.path.T, *values))
            over_steps.append(self._trace(self._loss, names, *values))
        return [
            Region(self._box(self._map), places, "place"),
            Region(self._box(self._loss), over_steps),
        ]

    def place_at(self, x: float, y: float) -> tuple[float, float] | None:
        """Return the weights at a place in the picture, None beside the landscape.

        Args:
            x: From its left (0) to its right side (1).
            y: From its upper (0) to its lower side (1).
        """
        across, up = self._values_at(self._map, x, y)
        inside = abs(across) <= REACH[0] and abs(up) <= REACH[1]
        return (round(across, 2), round(up, 2)) if inside else None

    def _colour(self, optimizer: str) -> str:
        return self._pin_colour(list(OPTIMIZERS).index(optimizer))

    def _make_lines(self, number: int) -> tuple[Line2D, ...]:
        colour = self._pin_colour(number)
        return (
            self._add_line(self._map, colour, marker="o", ms=3.5, lw=1.6),
            self._add_marks(self._map, colour, "oDs^"[number], 9, mec=self._ink["text"]),
            self._add_line(self._map, colour, lw=4, alpha=0.6),
            self._add_line(self._map, colour, lw=2, ls=":"),
            self._add_line(self._loss, colour, lw=2),
        )

    def _make_background(self) -> list[Artist]:
        """The landscape, darker where it is lower."""
        x, y = np.meshgrid(
            np.linspace(-REACH[0], REACH[0], 81), np.linspace(-REACH[1], REACH[1], 61)
        )
        loss = LANDSCAPES[self._background[0]].loss(x, y)
        levels = loss.min() + (loss.max() - loss.min()) * np.linspace(0, 1, 14) ** 2
        return [
            self._map.contour(x, y, loss, levels=levels, colors=self._ink["faint"], linewidths=0.8)
        ]


def describe_race(journeys: Sequence[Journey]) -> str:
    """Say in plain words what the picture shows, for those who cannot see it.

    Example:
        >>> print(describe_race([Journey("bowl", "SGD", (1.0, 0.0), 0.5, steps=2)]))
        A bowl of two weights, 2 steps from (1, 0). SGD ends at (0.25, 0) with a loss of 0.0312.
    """
    first = journeys[0]
    x, y = first.start
    ends = [
        f"{journey.optimizer} ends at ({journey.path[-1, 0]:.3g}, {journey.path[-1, 1]:.3g}) "
        f"with a loss of {journey.losses[-1]:.3g}."
        for journey in journeys
    ]
    kind = {"two minima": "Two minima"}.get(first.landscape, f"A {first.landscape}")
    steps = counted(first.steps, "step")
    return f"{kind} of two weights, {steps} from ({x:.3g}, {y:.3g}). {' '.join(ends)}"
