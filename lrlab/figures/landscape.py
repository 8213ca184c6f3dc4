"""The picture of a race of optimizers: their paths on a landscape, and the loss over steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import IdentityTransform

from lrlab.figures.ink import Theme, counted
from lrlab.figures.plot import LINE_HEIGHT, SIZE, Plot
from lrlab.figures.screen import typeface
from lrlab.figures.traces import Region
from lrlab.landscapes import KEPT, LANDSCAPES, OPTIMIZERS, Journey

__all__ = ["REACH", "LandscapeFigure", "describe_race"]

REACH = 2.0, 1.5  # how far the weights go that are in view
_LEFT, _RIGHT, _LOW, _HEADER = 65, 16, 56, 48  # pixels; above is a row of words
_GAP, _BETWEEN, _LOSS_HEIGHT = 70, 60, 100  # between the axes, beside or above each other
_LOSSES = 1e-4, 10.0
_AHEAD = 4  # how many times as long as the steps the arrows are drawn
_HEAD = 8  # pixels that the head of an arrow is long
_KEPT, _GRADIENT = {"lw": 4.0, "alpha": 0.6}, {"lw": 1.5}  # how the arrows look
_FAR = 1e3  # further away Agg need not draw a line
_MARKS = {"o": "●", "D": "◆", "s": "■", "^": "▲"}  # of the optimizers, and as words


class LandscapeFigure(Plot):
    """A figure for a race, kept ready to be drawn again and again.

    From where each optimizer is, arrows go on, four times as long as the steps: a thick one for
    what it keeps, with momentum its velocity, of RMSprop and Adam the scaled step; a thin one for
    the step that the gradient alone would make. One too short to be seen is left out.

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
        self._background = "bowl", -1, ""  # the landscape, the steps and the arrows in words
        self._narrow = self._rows > 1
        self._rows *= 2  # with those that say what the arrows are
        high = size[1] - _HEADER - (self._rows - 1) * LINE_HEIGHT - _LOW
        if self._narrow:
            below = _LOSS_HEIGHT + _BETWEEN
            wide = beside = size[0] - _LEFT - _RIGHT
            left, up, losses = _LEFT, high - below, _LOSS_HEIGHT
        else:
            below, across = 0, size[0] - _LEFT - _GAP - _RIGHT
            wide = round(0.58 * across)
            beside, left, up, losses = across - wide, _LEFT + wide + _GAP, high, high
        self._map = self._add_axes(_LEFT, _LOW + below, wide, up, grid=False)
        self._map.set(xlim=(-REACH[0], REACH[0]), ylim=(-REACH[1], REACH[1]))
        self._map.set(xticks=range(-2, 3), yticks=(-1, 0, 1))
        self._name_axes(self._map, "weight x", "weight y", gap=44)
        self._loss = self._add_axes(left, _LOW, beside, losses)
        self._loss.set(yscale="log", ylim=_LOSSES)
        self._loss.set_yticks([1e-4, 1e-2, 1], ["1e-4", "0.01", "1"])
        self._loss.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        self._name_axes(self._loss, "step", "loss", gap=56)
        legend = ((f"{_AHEAD} × gradient step", _GRADIENT), ("", _KEPT))
        for k, (words, look) in enumerate(legend):
            x = _RIGHT + 34 if self._narrow else _LEFT + 34 + 200 * k
            row = 2 + k if self._narrow else 1
            made = self._add_legend(x, words, (-32, -8), row=row, color=self._ink["text"], **look)
        self._kept_line, self._kept_words = made
        self._lines = {name: self._make_lines(k) for k, name in enumerate(OPTIMIZERS)}
        self._start = self._add_marks(self._map, "text", "s", 11, mfc="none", mew=2)

    def draw(self, journeys: Sequence[Journey]) -> None:
        """Draw the journeys of optimizers from one start on one landscape."""
        self._journeys, first = tuple(journeys), journeys[0]
        keep = " or ".join(
            dict.fromkeys(KEPT[j.optimizer] for j in journeys if j.optimizer in KEPT)
        )
        if (first.landscape, first.steps, keep) != self._background:
            self._background = first.landscape, first.steps, keep
            self._loss.set_xlim(0, max(first.steps, 1))
            self._kept_line.set_visible(bool(keep))
            self._kept_words.set_text(f"{_AHEAD} × {keep}" if keep else "")
            self._stale = True
        self._begin()
        self._start.set_data([first.start[0]], [first.start[1]])
        shown = {journey.optimizer: journey for journey in journeys}
        for name, (path, kept, gradient, end, loss) in self._lines.items():
            for line in (path, kept, gradient, end, loss):
                line.set_data([], [])
            if name not in shown:
                continue
            journey = shown[name]
            places = np.clip(np.nan_to_num(journey.path, nan=_FAR), -_FAR, _FAR)
            path.set_data(*places.T)
            end.set_data(*places[-1:].T)
            kept.set_data(*self._arrow(places[-1], journey.kept_step))
            gradient.set_data(*self._arrow(places[-1], journey.gradient_step))
            losses = np.clip(np.nan_to_num(journey.losses, nan=np.inf), _LOSSES[0] / 9, _FAR)
            loss.set_data(np.arange(len(losses)), losses)
        self._draw_moving()
        self._write_names()

    def _arrow(self, place: np.ndarray, step: np.ndarray) -> np.ndarray:
        """A line with a head from a place along a step, in pixels, if it is long enough."""
        ahead = place + _AHEAD * np.clip(np.nan_to_num(step), -_FAR, _FAR)
        tail, tip = self._map.transData.transform([place, ahead])
        way = tip - tail
        if not np.hypot(*way) > _HEAD:
            return np.empty((2, 0))
        back = -_HEAD * way / np.hypot(*way)
        aside = back[::-1] * (0.5, -0.5)
        return np.stack([tail, tip, tip + back + aside, tip, tip + back - aside], axis=1)

    def _write_names(self) -> None:
        """Who is drawn in which colour, and the loss of each at the end."""
        x = float(_LEFT)
        for k, journey in enumerate(self._journeys):
            mark = [*_MARKS.values()][[*OPTIMIZERS].index(journey.optimizer)]
            words = f"{mark} {journey.optimizer} {journey.losses[-1]:.2g}"
            place = _RIGHT + k % 2 * self.size[0] // 2 if self._narrow else x
            row = self._row(k // 2 * self._narrow)
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
        colour, pixels = self._pin_colour(number), IdentityTransform()
        return (
            self._add_line(self._map, colour, marker="o", ms=3.5, lw=1.6),
            self._add_line(self._map, colour, transform=pixels, **_KEPT),
            self._add_line(self._map, "text", transform=pixels, **_GRADIENT),
            self._add_marks(self._map, colour, [*_MARKS][number], 9, mec=self._ink["text"]),
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
    r"""Say in plain words what the picture shows, for those who cannot see it.

    Example:
        >>> words = describe_race([Journey("bowl", "SGD", (1.0, 0.0), 0.5, steps=2)])
        >>> print(words.replace("; ", ";\n"))
        A bowl of two weights, 2 steps from (1, 0). SGD ends at (0.25, 0) with a loss of 0.0312;
        there its gradient step is (-0.125, 0).
    """
    first = journeys[0]
    kind = {"two minima": "Two minima"}.get(first.landscape, f"A {first.landscape}")
    steps, start = counted(first.steps, "step"), _pair(first.start)
    ends = " ".join(map(_describe_end, journeys))
    return f"{kind} of two weights, {steps} from {start}. {ends}"


def _describe_end(journey: Journey) -> str:
    """Where an optimizer ends, and what the arrows are."""
    end, loss = _pair(journey.path[-1]), journey.losses[-1]
    if not np.isfinite(loss):
        return f"{journey.optimizer} goes away without end."
    words = f"{journey.optimizer} ends at {end} with a loss of {loss:.3g}; there its "
    if journey.optimizer in KEPT:
        words += f"{KEPT[journey.optimizer]} is {_pair(journey.kept_step)}, its "
    return f"{words}gradient step is {_pair(journey.gradient_step)}."


def _pair(values: Sequence[float] | np.ndarray) -> str:
    x, y = (float(value) + 0.0 for value in values)  # and no -0
    return f"({x:.3g}, {y:.3g})"
