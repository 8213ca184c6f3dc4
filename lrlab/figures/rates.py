"""The picture of a range test: batch losses over the rate, and what full trainings come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import NullLocator
from matplotlib.transforms import IdentityTransform

from lrlab.figures.curves import check_arguments
from lrlab.figures.ink import DASHES, DOTS, FONT, THEMES, Theme
from lrlab.figures.screen import Screen

__all__ = ["Measured", "RangeFigure", "describe_range_test"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 104, 66, 52  # pixels around the axes
_LINE_HEIGHT = 17  # pixels
_MOST_LABELS = 8  # below the axes


@dataclass(frozen=True)
class Measured:
    """A range test, what it suggests, and the final losses of trainings at other rates.

    Attributes:
        learning_rates: The rate of every step of the test.
        losses: The loss of each step's batch, of the same shape.
        smoothed: These losses smoothed.
        suggestion: The suggested rate, None for none.
        final: By rate, the losses at the end of full trainings, one a seed; NaN for one that
            diverged.
        middle: What stands for the losses of a rate: their median, or another mean.
    """

    learning_rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float | None = None
    final: Mapping[float, Sequence[float]] = field(default_factory=dict)
    middle: Callable[[Any], Any] = np.median

    @property
    def middles(self) -> dict[float, float]:
        """The middle over the seeds, by rate in order; a training that diverged is infinite."""
        return {
            rate: float(self.middle(np.nan_to_num(self.final[rate], nan=np.inf)))
            for rate in sorted(self.final)
        }

    @property
    def best(self) -> float | None:
        """The rate of the lowest middle."""
        middles = {rate: loss for rate, loss in self.middles.items() if math.isfinite(loss)}
        return min(middles, key=lambda rate: middles[rate]) if middles else None

    @property
    def lowest(self) -> float:
        """The lowest loss of all; infinite if there is none."""
        every = [*self.losses, *(loss for losses in self.final.values() for loss in losses)]
        return min((loss for loss in every if math.isfinite(loss)), default=math.inf)


class RangeFigure:
    """Losses over the learning rate, on axes that keep their limits.

    Args:
        start_loss: Loss of the untrained model; the loss axis goes from 0 to 1.5 times it. Where a
            loss is negative, it begins below all of them.
        final_name: What the final losses are, in the legend.
        rates: Lowest and highest rate of the axis.
        size: Width and height of the picture in pixels.
        theme: "light" or "dark".
        test: Whether the legend names the range test; without, it is all about the final losses.

    Raises:
        ValueError: If an argument cannot work.

    Example:
        >>> rates = np.geomspace(0.01, 10, 4)
        >>> losses = np.array([2.0, 1.5, 0.5, 9.0])
        >>> figure = RangeFigure(2.0)
        >>> figure.draw(Measured(rates, losses, losses, 0.1))
        >>> figure.png()[1:4]
        b'PNG'
    """

    def __init__(
        self,
        start_loss: float,
        final_name: str = "final loss",
        *,
        rates: tuple[float, float] = (1e-4, 10.0),
        size: tuple[int, int] = (760, 460),
        theme: Theme = "light",
        test: bool = True,
    ) -> None:
        check_arguments(1, size, rates, theme)
        if not math.isfinite(start_loss):
            raise ValueError(
                "start_loss must be a finite number. Received: "
                f"start_loss={start_loss!r}. Experiment's runs have it as run.start_loss."
            )
        self.size, self._ink, self._theme = size, THEMES[theme], theme
        self._rates, self._start_loss, self._legend = rates, start_loss, (final_name, test)
        self._make(min(0.0, start_loss))

    def _make(self, lowest: float) -> None:
        """Make all that stays, with a loss axis on which there is room for the lowest loss."""
        start_loss = self._start_loss
        below = lowest < 0 or start_loss <= 0
        self._bottom = lowest - 0.1 * (abs(lowest) or 1.0) if below else 0.0
        self._top = start_loss + 0.5 * (start_loss - self._bottom)
        inches = (self.size[0] / 100, self.size[1] / 100)
        self._figure = Figure(figsize=inches, dpi=100, facecolor=self._ink["background"])
        self._screen = Screen(self._figure, self._theme)
        self._make_axes(self._rates, start_loss)
        self._make_legend(*self._legend)
        self._make_moving_lines()
        self._screen.keep()

    def draw(self, measured: Measured) -> None:
        """Draw what is known so far."""
        if measured.lowest < self._bottom:
            self._make(measured.lowest)
        self._screen.restore()
        edge = self._top - 0.03 * (self._top - self._bottom)
        far = edge + 3 * (edge - self._bottom)
        rates, losses = measured.learning_rates, measured.losses
        seen = np.isfinite(losses)
        inside = seen & (losses <= self._top)
        self._batches.set_data(rates[inside], losses[inside])
        self._exploded.set_data(rates[~inside], np.full((~inside).sum(), edge))
        shown = np.isfinite(measured.smoothed)
        # A line that leaves the view must not be drawn at 1e30.
        self._smoothed.set_data(rates[shown], np.clip(measured.smoothed[shown], None, far))
        self._move_final(measured, edge, far)
        if measured.suggestion is not None:
            self._suggested.set_data([measured.suggestion] * 2, [self._bottom, self._top])
        else:
            self._suggested.set_data([], [])
        for line in self._moving:
            if np.size(line.get_xdata()):
                line.draw(self._screen.renderer)
        self._write_words(measured, edge)

    def png(self) -> bytes:
        """The picture last drawn, as a PNG file."""
        return self._screen.png()

    def _move_final(self, measured: Measured, edge: float, far: float) -> None:
        points = [(rate, loss) for rate, losses in measured.final.items() for loss in losses]
        rates, losses = np.array(points, dtype=float).reshape(-1, 2).T
        inside = losses <= self._top
        self._final.set_data(rates[inside], losses[inside])
        self._lost.set_data(rates[~inside], np.full((~inside).sum(), edge))
        middles = measured.middles
        self._middle.set_data(
            list(middles),
            [min(loss, far) if loss < np.inf else np.nan for loss in middles.values()],
        )
        best = measured.best
        self._best.set_data([] if best is None else [best], [] if best is None else [middles[best]])

    def _write_words(self, measured: Measured, edge: float) -> None:
        """The suggested rate above its line, the best one beside the axes."""
        if measured.suggestion is not None:
            x, y = self._axes.transData.transform((measured.suggestion, self._top))
            words = f"suggested {measured.suggestion:.2g}"
            self._screen.write(x - 4, y + 5, words, self._ink["text"])
        if measured.best is not None:
            height = min(measured.middles[measured.best], edge)
            _, y = self._axes.transData.transform((1, height))
            y -= 5
            if abs(y - self._untrained) < _LINE_HEIGHT:
                y = self._untrained - _LINE_HEIGHT
            words, colour = f"best {measured.best:.2g}", self._ink["validation"]
            self._screen.write(self.size[0] - _RIGHT + 10, y, words, colour)

    def _make_axes(self, rates: tuple[float, float], start_loss: float) -> None:
        across, up = self.size
        inner = (across - _LEFT - _RIGHT, up - _TOP - _BOTTOM)
        box = (_LEFT / across, _BOTTOM / up, inner[0] / across, inner[1] / up)
        self._axes = axes = self._figure.add_axes(box, facecolor=self._ink["background"])
        axes.set(xscale="log", xlim=rates, ylim=(self._bottom, self._top), axisbelow=True)
        low, high = (math.log10(rate) for rate in rates)
        between = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
        every = math.ceil(len(between) / _MOST_LABELS)
        decades = [decade for decade in between if decade % every == 0]
        axes.set_xticks([10.0**d for d in decades], [f"{10.0**d:g}" for d in decades])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(visible=True, color=self._ink["grid"], lw=0.8)
        axes.tick_params(color=self._ink["faint"], labelcolor=self._ink["text"])
        axes.tick_params(labelsize=FONT["size"], labelfontfamily=FONT["family"])
        for side, spine in axes.spines.items():
            spine.set(visible=side in ("left", "bottom"), color=self._ink["faint"], lw=1)
        axes.axhline(start_loss, color=self._ink["faint"], lw=1.2, ls=":")
        _, y = axes.transData.transform((rates[0], start_loss))
        self._untrained = float(y) - 5  # pixels
        self._text(across - _RIGHT + 10, self._untrained, "untrained", color=self._ink["faint"])
        self._text(_LEFT + inner[0] / 2, 9, "learning rate", ha="center")
        self._text(12, _BOTTOM + inner[1] / 2, "loss", rotation=90, ha="center", va="center")

    def _make_legend(self, final_name: str, test: bool) -> None:
        y = self.size[1] - 24
        ink = self._ink
        lost: dict[str, Any] = {"color": ink["validation"], "marker": "x", "ls": "", "ms": 7}
        final = {"color": ink["validation"], "marker": "o", "ls": DASHES, "ms": 4, "lw": 2.5}
        entries: list[tuple[int, str, dict[str, Any]]] = [
            (_LEFT, "batch", {"color": ink["training"], "marker": "o", "ls": "", "ms": 3}),
            (_LEFT + 110, "smoothed", {"color": ink["training"], "lw": 2.5}),
            (_LEFT + 246, final_name, {**final, "markevery": [1]}),
            (_LEFT + 552, "diverged", {**lost, "mew": 2}),
        ]
        for x, name, style in entries if test else entries[2:]:
            x -= 0 if test else entries[2][0] - _LEFT
            places = [x + 15] if style.get("ls") == "" else [x, x + 15, x + 30]
            line = Line2D(places, [y + 5] * len(places), transform=IdentityTransform(), **style)
            self._figure.add_artist(line)
            self._text(x + 38, y, name)

    def _text(self, x: float, y: float, words: str, **style: Any) -> Text:
        """Words on a baseline, at a place in pixels from the lower left corner."""
        style = {"color": self._ink["text"], "va": "baseline", **FONT, **style}
        place = IdentityTransform()
        return self._figure.text(x, y, words, transform=place, parse_math=False, **style)

    def _make_moving_lines(self) -> None:
        def moving(colour: str, **style: Any) -> Line2D:
            ink = self._ink[colour]
            return self._axes.plot([], [], color=ink, animated=True, **{"lw": 2.5, **style})[0]

        def marks(colour: str, marker: str, size: int, **style: Any) -> Line2D:
            return moving(colour, marker=marker, ls="", ms=size, **style)

        self._suggested = moving("text", lw=2, ls=DOTS)
        self._batches, self._exploded = marks("training", "o", 3), marks("training", "^", 5)
        self._smoothed = moving("training")
        self._middle = moving("validation", ls=DASHES)
        whole = {"clip_on": False}  # at either end of the axis
        self._final = marks("validation", "o", 4, **whole)
        self._lost = marks("validation", "x", 7, mew=2, **whole)
        self._best = marks("validation", "D", 10, **whole)
        self._moving = (
            *(self._suggested, self._batches, self._exploded, self._middle, self._final),
            *(self._lost, self._smoothed, self._best),
        )


def describe_range_test(measured: Measured) -> str:
    """Say in plain words what the picture shows, for those who cannot see it.

    Example:
        >>> rates, losses = np.array([0.01, 0.1, 1.0]), np.array([2.0, 0.5, 9.0])
        >>> tested = Measured(rates, losses, losses, 0.01, {0.1: [0.3, 0.2], 1.0: [np.nan, 5.0]})
        >>> for sentence in describe_range_test(tested).split(". "):
        ...     print(sentence)
        As the learning rate rises from 0.01 to 1, the smoothed batch loss goes from 2 to 9
        It is lowest, 0.5, at 0.1
        The suggested rate is 0.01
        Full trainings end lowest at a rate of 0.1, with a loss of 0.25.
    """
    found = ""
    if measured.best is not None:
        loss = measured.middles[measured.best]
        found = f"Full trainings end lowest at a rate of {measured.best:.3g}, "
        found += f"with a loss of {loss:.3g}."
    if not len(measured.losses):
        return found or "No rate is tested yet."
    rates, smoothed = measured.learning_rates, measured.smoothed
    seen = np.isfinite(smoothed)
    text = f"As the learning rate rises from {rates[0]:.3g} to {rates[-1]:.3g}, "
    if not seen.any():
        return f"{text}no batch has a finite loss."
    last = f"{smoothed[-1]:.3g}" if seen[-1] else "infinity"
    lowest = int(np.nanargmin(np.where(seen, smoothed, np.nan)))
    text += f"the smoothed batch loss goes from {smoothed[0]:.3g} to {last}. "
    text += f"It is lowest, {smoothed[lowest]:.3g}, at {rates[lowest]:.3g}. "
    if measured.suggestion is None:
        text += "No rate is suggested."
    else:
        text += f"The suggested rate is {measured.suggestion:.3g}."
    return f"{text} {found}".rstrip()
