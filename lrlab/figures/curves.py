"""Pictures of runs: loss above, learning rate below, on one epoch axis; redrawn in milliseconds."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.ticker import NullLocator

from lrlab.figures.history import Curves, can_be_drawn
from lrlab.figures.ink import DASHES, DOTS, Theme, number_text
from lrlab.figures.panel import Panel
from lrlab.figures.plot import LINE_HEIGHT, SIZE, Plot, check_rates
from lrlab.figures.ticks import decades, epochs_between_ticks
from lrlab.figures.traces import Region

__all__ = ["CurvesFigure", "LossScale", "check_arguments"]

Points: TypeAlias = tuple[np.ndarray, np.ndarray]
LossScale: TypeAlias = Literal["linear", "log"]

_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 84, 128, 44, 52, 16  # pixels around and between the axes
# Where the words of the legend begin, in one row or in two.
_TRAINING, _VALIDATION, _INTENDED = _LEFT + 36, _LEFT + 212, _LEFT + 402
_IN_TWO_ROWS = 48, 212, 48
_LONG = 1000  # epochs, whose number leaves no room for the word
_LINE = (-36, -8)  # pixels, from these words to the ends of a line


class CurvesFigure(Plot):
    """Loss over epochs, and the learning rate below it, kept ready to be drawn again and again.

    The loss of epoch k stands at k, the end of that epoch; the learning rate of a step where the
    step begins. Axes keep their limits: a value beyond them is marked with an arrow at the edge.

    Args:
        epochs: Length of the epoch axis.
        start_loss: Loss of the untrained model: curves begin there, and the loss axis ends at 1.3
            times it. Without it (or if it is not positive) the axis grows with what it shows.
        size: Width and height of the picture in pixels.
        rates: Lowest and highest learning rate on the axis.
        theme: "light" or "dark".
        loss_scale: "linear", or "log" for an axis on which low losses can be told apart: it reaches
            down to a hundredth of the start or further; a loss of 0 or less is marked at its end.
        metrics: Which values of the history are drawn over the learning rate, axes for each; of
            several the last, the highest and the lowest value stand beside them.

    Raises:
        ValueError: If an argument cannot work.

    Example:
        >>> figure = CurvesFigure(epochs=3)
        >>> figure.draw(Curves({"loss": [2.0, 1.0, 0.5]}, np.full(30, 0.1)))
        >>> figure.png()[1:4]
        b'PNG'
    """

    _below = "learning rate"  # what the lower axis shows
    _share_below = 0.32  # of the height
    _meant = "intended"  # what a dotted line there is

    def __init__(
        self,
        epochs: int,
        *,
        start_loss: float | None = None,
        size: tuple[int, int] = SIZE,
        rates: tuple[float, float] = (1e-5, 10.0),
        theme: Theme = "light",
        loss_scale: LossScale = "linear",
        metrics: Sequence[str] = ("loss",),
    ) -> None:
        check_arguments(epochs, rates, loss_scale, metrics)
        super().__init__(size, theme)
        places = (_TRAINING, _VALIDATION, _INTENDED) if self._rows == 1 else _IN_TWO_ROWS
        self._at_training, self._at_validation, self._at_intended = places
        self.epochs, self._rates = epochs, rates
        self.metrics = tuple(metrics)
        self._pinned: tuple[Curves, ...] = ()
        self._has_intended = False
        self._run = Curves({"loss": ()}, np.empty(0))  # what was drawn last
        self._make_axes(self.metrics, start=start_loss, log=loss_scale == "log")
        self._make_moving_lines()
        self._fit_views(())

    def draw(
        self,
        current: Curves | None,
        pinned: Iterable[Curves] = (),
        intended: np.ndarray | None = None,
        *,
        epochs: int | None = None,
    ) -> None:
        """Draw a run, the runs it is compared with and the learning rate that was intended.

        Args:
            current: The run in strong lines; None for none yet.
            pinned: Runs in lighter lines, each with its label. The same objects as last time cost
                nothing, others a full redraw.
            intended: A learning rate a step, over all epochs of the run, drawn dotted.
            epochs: How many epochs the run is to last; by default, as many as the axis has.
        """
        self._planned = epochs or self.epochs
        pinned, run = tuple(pinned), current or Curves({"loss": ()}, np.empty(0))
        self._stale |= pinned != self._pinned or (intended is not None) != self._has_intended
        self._pinned, self._has_intended = pinned, intended is not None
        self._run = run
        self._fit_views((run, *pinned))
        self._begin()
        self._move_lines(run, np.empty(0) if intended is None else np.asarray(intended, float))
        self._draw_moving()
        self._write_numbers(run)

    def regions(self) -> list[Region]:
        """Where the values of each epoch lie."""
        several = len(self.panels) > 1
        traces = [
            trace
            for run in (self._run, *self._pinned)
            for panel in self.panels
            for trace in panel.traces(run, several=several)
        ]
        for run in (self._run, *self._pinned):
            last = np.arange(1, run.epochs + 1) * len(run.learning_rates) // max(run.epochs, 1) - 1
            if len(run.learning_rates):
                names = "epoch", f"{run.label} {self._below}".strip()
                rates = run.learning_rates[np.maximum(last, 0)]
                traces.append(
                    self._trace(self._rate_axes, names, np.arange(1, len(rates) + 1), rates)
                )
        axes = (*(panel.axes for panel in self.panels), self._rate_axes)
        return [Region(self._box(*axes), traces)]

    @property
    def box_below(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the lower axes, in pixels from the upper left corner."""
        left, low, right, high = self._box(self._rate_axes)
        return left, self.size[1] - high, right - left, high - low

    @property
    def limits_below(self) -> tuple[float, float, float, float]:
        """What stands at the left, right, lower and upper end of these axes."""
        return 0, self.epochs, *self._rates

    def reset_view(self) -> None:
        """Let the upper axes forget what they have grown for."""
        for panel in self.panels:
            panel.reset_view()

    def _fit_views(self, runs: Sequence[Curves]) -> None:
        changed = [panel.fit_view(runs) for panel in self.panels]
        self._stale |= any(changed)

    def _make_axes(self, metrics: Sequence[str], **scale: Any) -> None:
        top = self.size[1] - _TOP - (self._rows - 1) * LINE_HEIGHT
        width, height = self.size[0] - _LEFT - _RIGHT, top - _BOTTOM - _GAP
        below = round(self._share_below * height / (1 + 0.5 * (len(metrics) - 1)))
        storey = (height - below - _GAP * (len(metrics) - 1)) // len(metrics)
        self._rate_axes = self._add_axes(_LEFT, _BOTTOM, width, below)
        self._name_axes(self._rate_axes, "epoch", self._below)
        style = {"margin": _RIGHT, "epochs": self.epochs, **scale}
        self.panels = [
            Panel(self, metric, (_LEFT, top - k * (storey + _GAP) - storey, width, storey), **style)
            for k, metric in enumerate(metrics)
        ]
        wide = 9 * len(str(self.epochs)) + 10  # pixels, of a number below the axes and beside it
        most = 10 if self._rows == 1 else min(10, width // wide)
        ticks = range(0, self.epochs + 1, epochs_between_ticks(self.epochs, most))
        self._rate_axes.set_xticks(ticks, [str(tick) for tick in ticks])
        self._rate_axes.set_xlim(0, self.epochs)
        for panel in self.panels:
            panel.axes.set_xticks(ticks, [""] * len(ticks))
        self._scale_below()
        ink = self._ink
        self._add_legend(self._at_training, "training", _LINE, color=ink["training"], lw=2.5)
        self._add_legend(
            self._at_validation, "validation", _LINE, color=ink["validation"], lw=2.5, ls=DASHES
        )

    def _scale_below(self) -> None:
        powers = decades(*self._rates)
        labels = [number_text(10.0**p) if (powers[-1] - p) % 2 == 0 else "" for p in powers]
        self._rate_axes.set(yscale="log", ylim=self._rates)
        self._rate_axes.set_yticks([10.0**p for p in powers], labels)
        self._rate_axes.yaxis.set_minor_locator(NullLocator())

    def _make_moving_lines(self) -> None:
        rate = self._rate_axes
        self._rate = self._add_line(rate, "rate")
        self._intended = self._add_line(rate, "validation", ls=DOTS, lw=2)
        self._add_beyond(rate)
        for panel in self.panels:
            panel.make_moving_lines()

    def _make_background(self) -> list[Artist]:
        """The pinned runs, and the intended rate in the legend."""
        made: list[Artist] = []
        if self._has_intended:
            style = {"color": self._ink["validation"], "ls": DOTS, "lw": 2}
            made += self._add_legend(self._at_intended, self._meant, _LINE, row=1, **style)
        for number, run in enumerate(self._pinned):
            colour, (steps, rates) = self._pin_colour(number), _staircase(run)
            made += self._rate_axes.plot(steps, np.clip(rates, *self._rates), color=colour, lw=1.8)
        for panel in self.panels:
            made += panel.make_background(self._pinned)
        return made

    def _move_lines(self, run: Curves, intended: np.ndarray) -> None:
        for panel in self.panels:
            panel.move_lines(run)
        low, high = self._rates
        x, rates = _staircase(run)
        self._rate.set_data(x, np.clip(rates, low, high))
        self._mark_beyond(self._rate_axes, x, rates)
        to_the_end = np.append(intended, intended[-1:])  # the last step ends there
        steps = np.linspace(0, self._planned, len(to_the_end))
        self._intended.set_data(steps, np.clip(to_the_end, low, high))

    def _write_numbers(self, run: Curves) -> None:
        """The last values, in the legend and at the end of the rate."""
        if len(self.metrics) == 1:
            values, val_values = run.values(*self.metrics)
            val_values = val_values if run.diverged else val_values[can_be_drawn(val_values)]
            self._write(self._at_training + 68, self._row(0), _last(values))
            self._write(self._at_validation + 84, self._row(0), _last(val_values))
        if not run.epochs:
            return
        done = f"{'epoch ' * (self.epochs < _LONG)}{run.epochs} of {self._planned}"
        self._write(self.size[0] - 12, self._row(1), done, ha="right")
        for panel in self.panels:
            if run.diverged:
                panel.write_break()
            if len(self.panels) > 1:
                panel.write_extremes(run)
        self._write_beyond()
        rates = run.learning_rates[can_be_drawn(run.learning_rates)]
        if len(rates):
            _, y = self._place(self._rate_axes, 0, np.clip(rates[-1], *self._rates))
            self._write(self.size[0] - _RIGHT + 10, y - 5, number_text(rates[-1]), "rate")


def _staircase(run: Curves) -> Points:
    """The rates over epochs as stairs, cornered only where they change: long runs stay quick."""
    rates = run.learning_rates
    if not len(rates):
        return np.empty(0), np.empty(0)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(rates)) + 1, [len(rates)]])
    x = np.repeat(edges, 2)[1:-1] * (run.epochs / len(rates))
    return x, np.repeat(rates[edges[:-1]], 2)


def _last(values: np.ndarray) -> str:
    if not len(values):
        return ""
    return number_text(values[-1]) if can_be_drawn(values[-1]) else "lost"


def check_arguments(
    epochs: Any,
    rates: Sequence[float] = (1e-5, 10.0),
    loss_scale: str = "linear",
    metrics: Sequence[str] = ("loss",),
) -> None:
    """Raise a ValueError if `CurvesFigure` cannot work with these arguments."""
    if not isinstance(epochs, int | np.integer) or isinstance(epochs, bool) or epochs < 1:
        raise ValueError(f"epochs must be a whole number from 1 on. Received: epochs={epochs!r}.")
    if loss_scale not in ("linear", "log"):
        raise ValueError(
            f'loss_scale must be "linear" or "log". Received: loss_scale={loss_scale!r}.'
        )
    named = [*metrics] if not isinstance(metrics, str) else []
    if not named or len(set(named)) < len(named) or any(name[:4] == "val_" for name in named):
        raise ValueError(
            "metrics must be a list of one or more names of the history, each once and without "
            f'"val_", which is drawn beside. Received: metrics={metrics!r}. '
            'Try metrics=["loss", "accuracy"].'
        )
    check_rates(rates)
