"""The picture of gradient descent on a bowl: the path, the loss over steps, the limit of the rate.

Every line that a slider moves is kept and blitted, so a frame takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from matplotlib.transforms import IdentityTransform

from lrlab.figures.ink import FONT, THEMES, Theme
from lrlab.figures.screen import Screen
from lrlab.quadratic import Descent

_SIZE = 760, 460
# Pixels from the lower left corner: left, bottom, width, height.
_PATH_BOX, _LOSS_BOX, _RATE_BOX = (66, 158, 326, 258), (478, 158, 266, 258), (66, 52, 678, 22)
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
_HUGE = 1e6  # further away Agg cannot draw a line


class BowlFigure:
    """A figure for a parabola or a valley, kept ready to be drawn again and again.

    Args:
        weights: 1 for a parabola, 2 for a valley.
        theme: "light" or "dark".

    Example:
        >>> figure = BowlFigure(1)
        >>> figure.draw(Descent((1.0,), (1.25,), learning_rate=0.5))
        >>> figure.png()[1:4]
        b'PNG'
    """

    def __init__(self, weights: int, *, theme: Theme = "light") -> None:
        self._ink, self._weights, self._steps = THEMES[theme], weights, 0
        inches = (_SIZE[0] / 100, _SIZE[1] / 100)
        self._figure = Figure(figsize=inches, dpi=100, facecolor=self._ink["background"])
        self._screen = Screen(self._figure, theme)
        self._pinned: tuple[tuple[str, Descent], ...] = ()
        self._kept: list[Artist] = []  # in the background until the pins change
        self._make_axes()
        self._make_lines()

    def draw(self, descent: Descent, pinned: Iterable[tuple[str, Descent]] = ()) -> None:
        """Draw a descent, and those that it is compared with, each with its label.

        Only another number of steps, or other pins, cost a full redraw.
        """
        pinned = tuple(pinned)
        if descent.steps != self._steps or pinned != self._pinned:
            self._steps, self._pinned = descent.steps, pinned
            self._loss_axes.set_xlim(0, self._steps)
            self._draw_pins()
            self._screen.keep()
        self._screen.restore()
        self._move(descent)
        for line in self._moving:
            line.draw(self._screen.renderer)
        self._write(descent)

    def png(self) -> bytes:
        """The picture last drawn as a PNG file."""
        return self._screen.png()

    def _make_axes(self) -> None:
        self._path_axes = self._axes(_PATH_BOX)
        self._loss_axes = self._axes(_LOSS_BOX)
        self._rate_axes = self._axes(_RATE_BOX)
        path, loss, rate = self._path_axes, self._loss_axes, self._rate_axes
        if self._weights == 1:
            path.set(xlim=(-_REACH, _REACH), ylim=(0, _TOP), yticks=range(5))
            self._name(path, "weight", "loss")
        else:
            height = _REACH * _PATH_BOX[3] / _PATH_BOX[2]  # circles look round
            path.set(xlim=(-_REACH, _REACH), ylim=(-height, height), yticks=(-1, 0, 1))
            self._name(path, "weight along the valley", "weight across it")
        path.set_xticks(range(-2, 3))
        loss.set(yscale="log", ylim=_LOSSES)
        loss.set_yticks([1e-6, 1e-3, 1, 1e3], ["1e-6", "0.001", "1", "1000"])
        self._name(loss, "step", "loss", gap=58)
        rate.set(xscale="log", xlim=_RATES, ylim=(0, 1), yticks=[])
        decades = [10.0**power for power in range(-4, 2)]
        rate.set_xticks(decades, [f"{decade:g}" for decade in decades])
        rate.spines["left"].set_visible(False)
        self._name(rate, "learning rate", "")
        for axis in (loss.yaxis, rate.xaxis):
            axis.set_minor_locator(NullLocator())

    def _axes(self, box: tuple[int, int, int, int]) -> Axes:
        left, bottom, width, height = box
        across, up = _SIZE
        share = (left / across, bottom / up, width / across, height / up)
        axes = self._figure.add_axes(share, facecolor=self._ink["background"])
        axes.set_axisbelow(True)
        axes.grid(visible=True, color=self._ink["grid"], lw=0.8)
        axes.tick_params(color=self._ink["faint"], labelcolor=self._ink["text"])
        axes.tick_params(labelsize=FONT["size"], labelfontfamily=FONT["family"])
        for side, spine in axes.spines.items():
            spine.set(visible=side in ("left", "bottom"), color=self._ink["faint"], lw=1)
        return axes

    def _name(self, axes: Axes, across: str, up: str, gap: int = 50) -> None:
        box = axes.bbox
        style: dict[str, Any] = {"color": self._ink["text"], "transform": IdentityTransform()}
        style |= {"ha": "center", **FONT}
        self._figure.text((box.x0 + box.x1) / 2, box.y0 - 43, across, **style)
        self._figure.text(box.x0 - gap, box.y0 + 129, up, rotation=90, va="center", **style)

    def _make_lines(self) -> None:
        def line(axes: Axes, colour: str, **style: Any) -> Line2D:
            ink = self._ink[colour]
            return axes.plot([], [], color=ink, animated=True, **{"lw": 2, **style})[0]

        path, loss, rate = self._path_axes, self._loss_axes, self._rate_axes
        self._bowl = line(path, "faint", lw=1.3)
        self._path = line(path, "training", marker="o", ms=5, lw=1.6)
        self._start = line(path, "training", marker="s", ms=10, ls="", mfc="none", mew=2)
        self._end = line(path, "validation", marker="D", ms=9, ls="")
        self._loss = line(loss, "training", marker="o", ms=4)
        self._loss_end = line(loss, "validation", marker="D", ms=9, ls="", clip_on=False)
        self._loss_beyond = line(loss, "text", marker="^", ms=8, ls="", clip_on=False)
        self._below = line(rate, "training", lw=6, solid_capstyle="butt")
        self._above = line(rate, "validation", lw=3, ls=(0, (1, 1)))
        self._limit = line(rate, "text", lw=2.5, clip_on=False)
        self._rate = line(rate, "text", marker="v", ms=12, ls="", clip_on=False)
        self._moving = (
            *(self._bowl, self._path, self._start, self._end),
            *(self._loss, self._loss_end, self._loss_beyond),
            *(self._below, self._above, self._limit, self._rate),
        )

    def _draw_pins(self) -> None:
        for artist in self._kept:
            artist.remove()
        self._kept = []
        for number, (label, kept) in enumerate(self._pinned):
            colour = self._ink["pins"][number % len(self._ink["pins"])]
            path, losses = kept.path[: _end(kept)], np.clip(kept.losses, *_LOSSES)
            y = kept.losses[: len(path)] if self._weights == 1 else path[:, 1]
            self._kept += self._path_axes.plot(
                path[:, 0], np.clip(y, -_HUGE, _HUGE), color=colour, lw=1.2, marker=".", ms=5
            )
            self._kept += self._loss_axes.plot(losses, color=colour, lw=1.6)
            last = min(kept.steps, self._steps)
            # On the side that the line leaves free.
            side = "top" if 1e3 * _LOSSES[0] < losses[last] < losses[0] else "bottom"
            style = {"color": colour, "ha": "right", "va": side, "clip_on": True, **FONT}
            self._kept.append(self._loss_axes.text(last, losses[last], label, **style))

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
        first = np.flatnonzero(~(descent.losses <= high))[:1]
        until = slice(first[0] + 1 if len(first) else None)
        steps, losses = np.arange(self._steps + 1), np.clip(descent.losses, low, high * 0.8)
        self._loss.set_data(steps[until], losses[until])
        last = slice(0) if len(first) else slice(-1, None)
        self._loss_end.set_data(steps[last], losses[last])
        self._loss_beyond.set_data(steps[first], losses[first])
        limit, now = np.clip([descent.limit, descent.learning_rate], *_RATES)
        self._below.set_data([_RATES[0], limit], [0.25, 0.25])
        self._above.set_data([limit, _RATES[1]], [0.25, 0.25])
        self._limit.set_data([limit, limit], [0, 1.1])
        self._rate.set_data([now], [0.75])

    def _write(self, descent: Descent) -> None:
        text, top = self._ink["text"], _SIZE[1] - 27
        final = descent.losses[-1]
        self._screen.write(_PATH_BOX[0], top, "□ start   ◆ end   " + self._where(descent), text)
        right = _LOSS_BOX[0] + _LOSS_BOX[2]
        words = f"loss after {descent.steps} steps: {final:.3g}"
        self._screen.write(right, top, words, text, to_the_left=True)
        place = self._rate_axes.transData.transform((min(descent.limit, _RATES[1]), 0))
        words = f"{'2/λ' if not descent.momentum else 'limit'} = {descent.limit:.3g}"
        self._screen.write(min(place[0] - 20, _SIZE[0] - 90), _RATE_BOX[1] + 28, words, text)

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


def describe(descent: Descent) -> str:
    """Say in plain words what the picture shows, for those who cannot see it.

    Example:
        >>> for line in describe(Descent((1.0,), (1.0,), 0.5, steps=2)).split(". "):
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
