"""The picture of a range test: batch losses over the rate, and what full trainings come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from lrlab.figures.ink import DASHES, DOTS, Theme, number_text, rounded
from lrlab.figures.plot import LINE_HEIGHT, SIZE, Plot, check_rates
from lrlab.figures.screen import typeface
from lrlab.figures.ticks import LossTicks, decades, within_reach
from lrlab.figures.traces import Region

__all__ = ["RULES", "Measured", "RangeFigure", "describe_range_test"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 104, 66, 52  # pixels around the axes
# What each rule of a range test takes, in words.
RULES = {
    "minimum": "a tenth of the minimum",
    "steepest": "the steepest fall",
    "valley": "the middle of the longest fall",
}
_MOST_LABELS, _LABEL = 8, 65  # below the axes, and pixels that one takes


@dataclass(frozen=True)
class Measured:
    """A range test, what it suggests, and the final losses of trainings at other rates.

    Attributes:
        learning_rates: The rate of every step of the test.
        losses: The loss of each step's batch, of the same shape.
        smoothed: These losses smoothed.
        suggestion: The suggested rate, None for none.
        final: By rate, or by another setting, the losses at the end of full trainings, one a seed;
            NaN for one that diverged.
        middle: What stands for the losses of a rate: their median, or another mean.
        suggestions: By rule, the rates that tests from several seeds suggest, None for none; the
            first one is that of the losses above.
        monitor: Which loss it is, "loss" of a batch or, with `val_`, of the validation data.
        setting: What the final losses are over.
    """

    learning_rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float | None = None
    final: Mapping[float, Sequence[float]] = field(default_factory=dict)
    middle: Callable[[Any], Any] = np.median
    suggestions: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    monitor: str = "loss"
    setting: str = "rate"

    @property
    def rows(self) -> dict[str, Sequence[float | None]]:
        """The rates that stand above the picture: those of each rule, or the one suggestion."""
        return {**self.suggestions} or {"suggested": [self.suggestion]}

    @property
    def loss_in_words(self) -> str:
        """Which loss the test saw."""
        return "validation loss" if self.monitor.startswith("val_") else "batch loss"

    @property
    def by_rule(self) -> str:
        """Say what each rule suggests, and how far that is spread over the seeds."""
        words, first = [], []
        for rule, rates in self.suggestions.items():
            found = sorted(rate for rate in rates if rate is not None)
            first += [rate for rate in rates[:1] if rate is not None]
            said = "none" if rates[0] is None else f"{rates[0]:.2g}"
            if len(rates) > 1 and found:
                none = len(rates) - len(found)
                said += f" ({len(rates)} starts: {found[0]:.2g} to {found[-1]:.2g}"
                said += f", {none} without)" if none else ")"
            words.append(f"{RULES[rule]} {said}")
        apart = (
            f". They lie a factor of {number_text(rounded(max(first) / min(first), 2))} apart"
            if first
            else ""
        )
        return f"By rule: {'; '.join(words)}{apart}."

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
    def edge(self) -> str:
        """Say which end of what was tried the best rate is; nothing where it is none."""
        tried = sorted(self.final)
        if self.best is None or self.best not in (tried[0], tried[-1]):
            return ""
        if len(tried) == 1:
            return "only one"
        return "lowest" if self.best == tried[0] else "highest"

    @property
    def in_numbers(self) -> str:
        """What stands for the losses at each rate, or other setting."""
        return ", ".join(f"{value:g}: {loss:.3g}" for value, loss in self.middles.items())

    @property
    def lowest(self) -> float:
        """The lowest loss of all; infinite if there is none."""
        every = [*self.losses, *(loss for losses in self.final.values() for loss in losses)]
        return min((loss for loss in every if math.isfinite(loss)), default=math.inf)


class RangeFigure(Plot):
    """Losses over the learning rate, on axes that keep their limits.

    Args:
        start_loss: Loss of the untrained model; the loss axis goes from 0 to 1.5 times it. Where a
            loss is negative, it begins below all of them.
        final_name: What the final losses are, in the legend.
        rates: Lowest and highest rate of the axis.
        scale: "log" for a logarithmic axis of rates, or "linear".
        across: What the axis is of.
        size: Width and height of the picture in pixels.
        theme: "light" or "dark".
        test: Whether the legend names the range test; without, it is all about the final losses.

    Attributes:
        final_name: What the final losses are.

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

    _header = 24

    def __init__(
        self,
        start_loss: float,
        final_name: str = "final loss",
        *,
        rates: tuple[float, float] = (1e-4, 10.0),
        scale: Literal["log", "linear"] = "log",
        across: str = "learning rate",
        size: tuple[int, int] = SIZE,
        theme: Theme = "light",
        test: bool = True,
    ) -> None:
        if scale == "log":
            check_rates(rates)
        if not math.isfinite(start_loss):
            raise ValueError(
                "start_loss must be a finite number. Received: "
                f"start_loss={start_loss!r}. Experiment's runs have it as run.start_loss."
            )
        super().__init__(size, theme)
        self._start_loss = float(within_reach(start_loss))
        self.final_name = final_name
        self._measured: Measured | None = None  # what was drawn last
        self._across = across
        self._monitored = "batch"  # in the legend
        self._make_axes(rates, scale, len(RULES) if test else 1)
        self._make_legend(final_name, test)
        self._make_moving_lines()
        self._fit_view(min(0.0, self._start_loss))

    def draw(self, measured: Measured) -> None:
        """Draw what is known so far."""
        self._measured = measured
        lowest = float(within_reach(measured.lowest))
        if lowest < self._bottom:
            self._fit_view(lowest)
        if self._named and self._monitored != measured.loss_in_words.removesuffix(" loss"):
            self._monitored = measured.loss_in_words.removesuffix(" loss")
            self._named.set_text(self._monitored)
            self._stale = True
        self._begin()
        edge = self._top - 0.03 * (self._top - self._bottom)
        far = edge + 3 * (edge - self._bottom)  # a line that leaves the view must not go to 1e30
        self._split(measured.learning_rates, measured.losses, self._batches, self._exploded, edge)
        shown = np.isfinite(measured.smoothed)
        smoothed = np.minimum(measured.smoothed[shown], far)
        self._smoothed.set_data(measured.learning_rates[shown], smoothed)
        points = [(rate, loss) for rate, losses in measured.final.items() for loss in losses]
        rates, losses = np.array(points, dtype=float).reshape(-1, 2).T
        self._split(rates, losses, self._final, self._lost, edge)
        middles = measured.middles
        heights = np.array([*middles.values()])
        heights[np.isinf(heights)] = np.nan
        self._middle.set_data([*middles], np.minimum(heights, far))
        best = [] if measured.best is None else [measured.best]
        self._best.set_data(best, [middles[rate] for rate in best])
        self._move_rows(measured)
        self._draw_moving()
        self._write_words(measured, edge)

    def regions(self) -> list[Region]:
        """Where the losses of the test lie, and those of the trainings."""
        shown = self._measured
        if shown is None:
            return []
        rates, middles = shown.learning_rates, shown.middles
        noted = "loss of a batch" if shown.loss_in_words == "batch loss" else "validation loss"
        traces = [
            self._trace(self._axes, (self._across, name), np.array([*x]), np.array([*y]))
            for name, x, y in (
                (noted, rates, shown.losses),
                ("smoothed", rates, shown.smoothed),
                (self.final_name, middles, middles.values()),
            )
        ]
        return [Region(self._box(self._axes), traces)]

    def _split(
        self, rates: np.ndarray, losses: np.ndarray, dots: Line2D, crosses: Line2D, edge: float
    ) -> None:
        """Losses in view are dots; the others, which exploded or were lost, stand at the edge."""
        inside = np.isfinite(losses) & (losses <= self._top)
        dots.set_data(rates[inside], losses[inside])
        self._mark(crosses, rates[~inside], edge)

    def _move_rows(self, measured: Measured) -> None:
        """A mark for each seed above the axes, a row a rule, and a line down from the first."""
        rows = [*measured.rows.values(), *[[None]] * self._rules]
        for number, (marks, down) in enumerate(zip(self._spread, self._down, strict=False)):
            height = self._values_of(self._row_of_rule(number) + 5)
            found = np.array([rate for rate in rows[number] if rate is not None])
            marks.set_data(found, np.full(len(found), height))
            first = [rate for rate in rows[number][:1] if rate is not None]
            down.set_data(first * 2, [self._bottom, height][: 2 * len(first)])

    def _row_of_rule(self, number: int) -> float:
        """The baseline of its words, in pixels."""
        return float(self._axes.bbox.y1 + 5 + (self._rules - 1 - number) * LINE_HEIGHT)

    def _values_of(self, pixels: float) -> float:
        """The loss of a height above the lower side, which may be beyond the axes."""
        box = self._axes.bbox
        share = (pixels - box.y0) / box.height
        return float(self._bottom + share * (self._top - self._bottom))

    def _fit_view(self, lowest: float) -> None:
        """Give the loss axis room for the lowest loss."""
        start = self._start_loss
        below = lowest < 0 or start <= 0
        self._bottom = lowest - 0.1 * (abs(lowest) or 1.0) if below else 0.0
        self._top = start + 0.5 * (start - self._bottom)
        self._axes.set_ylim(self._bottom, self._top)
        self._untrained.set_y(self._place(self._axes, 1, start)[1] - 5)
        self._stale = True

    def _write_words(self, measured: Measured, edge: float) -> None:
        """The suggested rate above its line, the best one beside the axes, what is beyond them."""
        losses = measured.losses
        beyond = np.isfinite(losses) & (losses > self._top)
        beside = self.size[0] - _RIGHT + 10
        free = np.inf  # up to there, beside the axes
        if beyond.any():
            top = self._place(self._axes, 1, edge)[1] - 5
            self._write(beside, top, f"up to {number_text(losses[beyond].max())}", "training")
            free = top - LINE_HEIGHT
        for number, (name, rates) in enumerate([*measured.rows.items()][: self._rules]):
            seen = sorted(rate for rate in rates if rate is not None)
            if seen:
                y = self._row_of_rule(number)
                self._write(2, y, name)
                self._write(beside, y, _spread_in(_RIGHT - 10, seen[0], seen[-1]))
        if measured.best is not None:
            at = self._place(self._axes, 1, min(measured.middles[measured.best], edge))[1] - 5
            y = min(at, free)
            _, untrained = self._untrained.get_position()
            if abs(y - untrained) < LINE_HEIGHT:
                y = untrained - LINE_HEIGHT
            beyond = {"lowest": "≤ ", "highest": "≥ "}.get(measured.edge, "")
            words = f"best {beyond}{measured.best:.2g}"
            self._write(
                min(beside, self.size[0] - typeface().getlength(words)), y, words, "validation"
            )

    def _make_axes(self, rates: tuple[float, float], scale: str, rows: int) -> None:
        width, height = self.size
        self._rules = rows
        above = self._rows + rows - 2
        across, top = width - _LEFT - _RIGHT, height - _TOP - above * LINE_HEIGHT
        self._axes = axes = self._add_axes(_LEFT, _BOTTOM, across, top - _BOTTOM)
        axes.set(xscale=scale, xlim=rates)
        most = min(_MOST_LABELS, across // _LABEL)
        if scale == "log":
            every = math.ceil(len(decades(*rates)) / most)
            powers = [power for power in decades(*rates) if power % every == 0]
            axes.set_xticks([10.0**p for p in powers], [number_text(10.0**p) for p in powers])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(most))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number_text(x)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(LossTicks())
        faint = self._ink["faint"]
        axes.axhline(self._start_loss, color=faint, lw=1.2, ls=":")
        self._untrained = self._text(width - _RIGHT + 10, 0, "untrained", color=faint)
        self._name_axes(axes, self._across, "loss")

    def _make_legend(self, final_name: str, test: bool) -> None:
        training, validation = self._ink["training"], self._ink["validation"]
        mark, line = (-23,), (-38, -23, -8)  # pixels from the words
        narrow = self._rows > 1
        x = 46 if narrow else _LEFT + 38
        self._named: Any = None  # the words for what a test notes
        if test:
            of_step: dict[str, Any] = {"color": training, "marker": "o", "ls": "", "ms": 3}
            _, self._named = self._add_legend(x, self._monitored, mark, **of_step)
            self._add_legend(x + 120, "smoothed", line, color=training, lw=2.5)
        at_final = x if narrow or not test else x + 256
        at_lost = x + 240 * test if narrow else at_final + 306
        final: dict[str, Any] = {"marker": "o", "ls": DASHES, "ms": 4, "lw": 2.5, "markevery": [1]}
        self._add_legend(at_final, final_name, line, row=1, color=validation, **final)
        lost: dict[str, Any] = {"marker": "x", "ls": "", "ms": 7, "mew": 2}
        self._add_legend(at_lost, "diverged", mark, color=validation, **lost)

    def _make_moving_lines(self) -> None:
        axes, whole = self._axes, {"clip_on": False}  # at either end of the axis
        # The first one is the suggestion.
        self._down = [
            self._add_line(axes, "text", lw=1 + (number == 0), ls=DOTS, **whole)
            for number in range(len(RULES))
        ]
        style: dict[str, Any] = {"marker": "o", "ms": 6, "mfc": "none", "lw": 1.5, **whole}
        self._spread = [self._add_line(axes, "text", **style) for _ in range(self._rules)]
        self._batches = self._add_marks(axes, "training", "o", 3)
        self._exploded = self._add_marks(axes, "training", "^", 5)
        self._middle = self._add_line(axes, "validation", ls=DASHES)
        self._final = self._add_marks(axes, "validation", "o", 4, **whole)
        self._lost = self._add_marks(axes, "validation", "x", 7, mew=2, **whole)
        self._smoothed = self._add_line(axes, "training")
        self._best = self._add_marks(axes, "validation", "D", 10, **whole)


def describe_range_test(measured: Measured) -> str:
    """Say in plain words what the picture shows, for those who cannot see it.

    Example:
        >>> rates, losses = np.array([0.01, 0.1, 1.0]), np.array([2.0, 0.5, 9.0])
        >>> final = {0.01: [0.8, 0.9], 0.1: [0.3, 0.2], 1.0: [np.nan, 5.0]}
        >>> tested = Measured(rates, losses, losses, 0.01, final)
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
        found = f"Full trainings end lowest at a {measured.setting} of {measured.best:.3g}, "
        found += f"the {measured.edge} that was tried, " if measured.edge else ""
        found += f"with a loss of {loss:.3g}."
        if measured.setting != "rate":
            found += f" The medians by {measured.setting}: {measured.in_numbers}."
    if not len(measured.losses):
        return found or "No rate is tested yet."
    rates, smoothed = measured.learning_rates, measured.smoothed
    seen = np.isfinite(smoothed)
    text = f"As the learning rate rises from {rates[0]:.3g} to {rates[-1]:.3g}, "
    if not seen.any():
        return f"{text}no batch has a finite loss."
    last = f"{smoothed[-1]:.3g}" if seen[-1] else "infinity"
    lowest = int(np.nanargmin(np.where(seen, smoothed, np.nan)))
    text += f"the smoothed {measured.loss_in_words} goes from {smoothed[0]:.3g} to {last}. "
    text += f"It is lowest, {smoothed[lowest]:.3g}, at {rates[lowest]:.3g}. "
    if measured.suggestions:
        text += measured.by_rule
    elif measured.suggestion is None:
        text += "No rate is suggested."
    else:
        text += f"The suggested rate is {measured.suggestion:.3g}."
    return f"{text} {found}".rstrip()


def _spread_in(room: float, low: float, high: float) -> str:
    """Two rates, or in so few pixels the one in the middle."""
    for digits in (2, 1):
        ends = dict.fromkeys(number_text(rounded(rate, digits)) for rate in (low, high))
        words = "–".join(ends)
        if typeface().getlength(words) <= room:
            return words
    return f"~{number_text(rounded(math.sqrt(low * high), 1))}"
