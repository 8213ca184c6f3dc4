"""The picture of gradient descent on a bowl: the path, the loss over steps, the limit of the rate.

Every line that a slider moves is kept and blitted, so a frame takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.artist import Artist
from matplotlib.ticker import NullLocator

from lrlab.figures.ink import FONT, Theme, number_text
from lrlab.figures.plot import LINE_HEIGHT, SIZE, Plot
from lrlab.figures.screen import typeface
from lrlab.figures.ticks import decades
from lrlab.figures.traces import Region
from lrlab.quadratic import Descent

# Pixels: left, between and right of the axes; the edges of the upper ones, the lower ones' box.
_LEFT, _GAP, _RIGHT = 66, 86, 16
_LOW, _HIGH, _RATE_LOW, _RATE_HEIGHT = 158, 416, 52, 22
_PATH_SHARE = 0.55  # of the width, of the path
_REACH = 2.0  # how far the weights go that are in view
_LOSSES = 1e-6, 1e3
_RATES = 1e-4, 10.0
_TOP = 4  # the loss at the upper edge of the parabola's view
_OUTCOMES = {
    "slow": "it converges, but slowly",
    "converges": "it converges",
    "oscillates": "it swings from side to side",
    "diverges": "it diverges",
}
_DRAWN = 1e-3 * _LOSSES[0], 1e3 * _LOSSES[1]  # lines leave the view where they do
_HUGE = 1e6  # further away Agg cannot draw a line


class BowlFigure(Plot):
    """A figure for a parabola or a valley, kept ready to be drawn again and again.

    Args:
        weights: 1 for a parabola, 2 for a valley.
        size: Width and height of the picture in pixels.
        theme: "light" or "dark".

    Raises:
        ValueError: If an argument cannot work.

    Example:
        >>> figure = BowlFigure(1)
        >>> figure.draw(Descent((1.0,), (1.25,), learning_rate=0.5))
        >>> figure.png()[1:4]
        b'PNG'
    """

    def __init__(
        self, weights: int, *, size: tuple[int, int] = SIZE, theme: Theme = "light"
    ) -> None:
        super().__init__(size, theme)
        self._weights, self._steps = weights, 0
        self._descent: Descent | None = None  # what was drawn last
        self._pinned: tuple[tuple[str, Descent], ...] = ()
        self._make_axes()
        self._make_lines()

    def draw(self, descent: Descent, pinned: Iterable[tuple[str, Descent]] = ()) -> None:
        """Draw a descent, and those that it is compared with, each with its label.

        Only another number of steps, or other pins, cost a full redraw.
        """
        pinned, self._descent = tuple(pinned), descent
        if descent.steps != self._steps or pinned != self._pinned:
            self._steps, self._pinned = descent.steps, pinned
            self._loss_axes.set_xlim(0, self._steps)
            self._stale = True
        self._begin()
        self._move(descent)
        self._draw_moving()
        self._write_words(descent)

    def regions(self) -> list[Region]:
        """Where the steps of the path lie, and their losses."""
        if self._descent is None:
            return []
        path, losses = self._descent.path, self._descent.losses
        steps, x = np.arange(len(path)), path[:, 0]
        one = self._weights == 1
        names = ("weight",) if one else ("weight along", "weight across")
        y, values = losses if one else path[:, 1], (*path.T, losses)
        inside = slice(_end(self._descent))
        shown = [column[inside] for column in (x, y, steps, *values)]
        on_path = self._trace(self._path_axes, ("step", *names, "loss"), *shown)
        over_steps = self._trace(self._loss_axes, ("step", "loss"), steps, losses)
        return [
            Region(self._box(self._path_axes), [on_path], "place"),
            Region(self._box(self._loss_axes), [over_steps]),
        ]

    def _make_axes(self) -> None:
        across = self.size[0] - _LEFT - _RIGHT
        wide = round(_PATH_SHARE * (across - _GAP))
        high = self.size[1] - SIZE[1] + _HIGH - (self._rows - 1) * LINE_HEIGHT - _LOW
        left = _LEFT + wide + _GAP
        self._path_axes = path = self._add_axes(_LEFT, _LOW, wide, high)
        self._loss_axes = loss = self._add_axes(left, _LOW, self.size[0] - _RIGHT - left, high)
        self._rate_axes = rate = self._add_axes(_LEFT, _RATE_LOW, across, _RATE_HEIGHT)
        if self._weights == 1:
            path.set(xlim=(-_REACH, _REACH), ylim=(0, _TOP), yticks=range(5))
            self._name_axes(path, "weight", "loss", gap=50)
        else:
            height = _REACH * high / wide  # circles look round
            path.set(xlim=(-_REACH, _REACH), ylim=(-height, height), yticks=(-1, 0, 1))
            self._name_axes(path, "weight along the valley", "weight across it", gap=50)
        path.set_xticks(range(-2, 3))
        loss.set(yscale="log", ylim=_LOSSES)
        loss.set_yticks([1e-6, 1e-3, 1, 1e3], ["1e-6", "0.001", "1", "1000"])
        self._name_axes(loss, "step", "loss", gap=58)
        rate.set(xscale="log", xlim=_RATES, ylim=(0, 1), yticks=[])
        ticks = [10.0**power for power in decades(*_RATES)]
        rate.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        rate.spines["left"].set_visible(False)
        self._name_axes(rate, "learning rate")
        for axis in (loss.yaxis, rate.xaxis):
            axis.set_minor_locator(NullLocator())

    def _make_lines(self) -> None:
        path, loss, rate = self._path_axes, self._loss_axes, self._rate_axes
        whole = {"clip_on": False}
        self._bowl = self._add_line(path, "faint", lw=1.3)
        self._path = self._add_line(path, "training", marker="o", ms=5, lw=1.6)
        self._start = self._add_marks(path, "training", "s", 10, mfc="none", mew=2)
        self._end = self._add_marks(path, "validation", "D", 9)
        self._loss = self._add_line(loss, "training", marker="o", ms=4, lw=2)
        self._loss_end = self._add_marks(loss, "validation", "D", 9, **whole)
        self._add_beyond(loss)
        self._below = self._add_line(rate, "training", lw=6, solid_capstyle="butt")
        self._above = self._add_line(rate, "validation", lw=3, ls=(0, (1, 1)))
        self._limit = self._add_line(rate, "text", **whole)
        self._rate = self._add_marks(rate, "text", "v", 12, **whole)

    def _make_background(self) -> list[Artist]:
        """The pinned descents."""
        made: list[Artist] = []
        for number, (label, kept) in enumerate(self._pinned):
            colour = self._pin_colour(number)
            path, losses = kept.path[: _end(kept)], np.clip(kept.losses, *_DRAWN)
            y = kept.losses[: len(path)] if self._weights == 1 else path[:, 1]
            made += self._path_axes.plot(
                path[:, 0], np.clip(y, -_HUGE, _HUGE), color=colour, lw=1.2, marker=".", ms=5
            )
            made += self._loss_axes.plot(losses, color=colour, lw=1.6)
            last = min(kept.steps, self._steps)
            # On the side that the line leaves free.
            side = "top" if 1e3 * _LOSSES[0] < losses[last] < losses[0] else "bottom"
            style = {"color": colour, "ha": "right", "va": side, "clip_on": True, **FONT}
            height = np.clip(losses[last], *_LOSSES)
            place, beside = (last, height), (-8, 0)  # points, so that no mark hides it
            made.append(
                self._loss_axes.annotate(label, place, beside, textcoords="offset points", **style)
            )
        return made

    def _move(self, descent: Descent) -> None:
        self._bowl.set_data(*(_parabola if self._weights == 1 else _contours)(descent))
        low, high = _LOSSES
        shown = slice(_end(descent))
        path, losses = descent.path[shown], descent.losses[shown]
        x, y = path[:, 0], losses if self._weights == 1 else path[:, 1]
        y = np.clip(y, -_HUGE, _HUGE)
        end = slice(-1, None) if len(losses) > descent.steps else slice(0)
        self._path.set_data(x, y)
        self._start.set_data(x[:1], y[:1])
        self._end.set_data(x[end], y[end])
        steps, losses = np.arange(self._steps + 1), descent.losses
        self._loss.set_data(steps, np.clip(losses, *_DRAWN))
        last = slice(-1, None) if low <= losses[-1] <= high else slice(0)
        self._loss_end.set_data(steps[last], losses[last])
        self._mark_beyond(self._loss_axes, steps, losses)
        limit, now = np.clip([descent.limit, descent.learning_rate], *_RATES)
        self._below.set_data([_RATES[0], limit], [0.25, 0.25])
        self._above.set_data([limit, _RATES[1]], [0.25, 0.25])
        self._limit.set_data([limit, limit], [0, 1.1])
        self._rate.set_data([now], [0.75])
        rate = descent.learning_rate
        self._rate.set_marker("v" if now == rate else "<" if rate < now else ">")

    def _write_words(self, descent: Descent) -> None:
        right = self.size[0] - _RIGHT
        left = _LEFT if self._rows == 1 else _RIGHT
        self._write(left, self._row(0), f"□ start   ◆ end   {self._where(descent)}")
        self._write_beyond()
        words = f"loss after {descent.steps} steps: {descent.losses[-1]:.3g}"
        self._write(right, self._row(1), words, ha="right")
        if not _RATES[0] <= (rate := descent.learning_rate) <= _RATES[1]:
            end, ha = (_LEFT, "left") if rate < _RATES[0] else (right, "right")
            self._write(end, _RATE_LOW - 43, number_text(rate), ha=ha)
        x, _ = self._place(self._rate_axes, min(descent.limit, _RATES[1]), 0)
        words = f"{'2/λ' if not descent.momentum else 'limit'} = {descent.limit:.3g}"
        furthest = self.size[0] - max(90, typeface().getlength(words) + 2)
        self._write(min(x - 20, furthest), _RATE_LOW + 28, words)

    def _where(self, descent: Descent) -> str:
        λ = descent.curvatures[-1]
        if self._weights == 1:
            return f"loss = λ w² / 2, λ = {λ:g}"
        return f"λ = {λ:g} and {descent.curvatures[0]:.3g}"


def _end(descent: Descent) -> int | None:
    """How much of a path is drawn: one that diverges ends where it has left the picture."""
    if descent.outcome != "diverges":
        return None
    gone = np.flatnonzero(~(np.abs(descent.path).max(axis=1) <= 2 * _REACH))
    return int(gone[0]) + 1 if len(gone) else None


def _parabola(descent: Descent) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-_REACH, _REACH, 81)
    return x, descent.curvatures[0] * x**2 / 2


def _contours(descent: Descent) -> tuple[np.ndarray, np.ndarray]:
    """Ellipses of equal loss as one line with gaps; the outermost goes through the start."""
    turn = np.append(np.linspace(0, 2 * np.pi, 73), np.nan)
    levels = descent.losses[0] * np.array([1.0, 0.6, 0.3, 0.1, 0.02])
    along, across = (np.sqrt(2 * levels / curvature) for curvature in descent.curvatures)
    return np.outer(along, np.cos(turn)).ravel(), np.outer(across, np.sin(turn)).ravel()


def describe_bowl(descent: Descent) -> str:
    """Say in plain words what the picture shows, for those who cannot see it.

    Example:
        >>> for line in describe_bowl(Descent((1.0,), (1.0,), 0.5, steps=2)).split(". "):
        ...     print(line)
        Gradient descent on a parabola, 2 steps: the weight goes from 1 to 0.25
        The loss goes from 0.5 to 0.0312
        The learning rate 0.5 is below the limit of 2: it converges, but slowly.
    """
    first, last = (", ".join(f"{w:.3g}" for w in descent.path[step]) for step in (0, -1))
    many = len(descent.curvatures) > 1
    side = "below" if descent.learning_rate < descent.limit else "at"
    side = "above" if descent.learning_rate > descent.limit else side
    return (
        f"Gradient descent {'in a valley' if many else 'on a parabola'}, {descent.steps} steps: "
        f"the weight{'s go' if many else ' goes'} from {first} to {last}. "
        f"The loss goes from {descent.losses[0]:.3g} to {descent.losses[-1]:.3g}. "
        f"The learning rate {descent.learning_rate:.3g} is {side} the limit of "
        f"{descent.limit:.3g}: {_OUTCOMES[descent.outcome]}."
    )
