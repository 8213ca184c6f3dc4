"""Pictures of runs: loss above, learning rate below, on one epoch axis; redrawn in milliseconds."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from lrlab.figures.history import Curves, can_be_drawn
from lrlab.figures.ink import DASHES, DOTS, FONT, Theme, number_text
from lrlab.figures.plot import LINE_HEIGHT, SIZE, Plot, check_rates
from lrlab.figures.ticks import HUGE, LossTicks, decades, epochs_between_ticks, round_up

__all__ = ["CurvesFigure", "LossScale", "check_arguments"]

Points: TypeAlias = tuple[np.ndarray, np.ndarray]
LossScale: TypeAlias = Literal["linear", "log"]

_DEEPEST = 1e-8  # where a logarithmic axis ends at the latest, as a share of its top
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 84, 128, 44, 52, 16  # pixels around and between the axes
_TRAINING, _VALIDATION, _INTENDED = _LEFT + 36, _LEFT + 212, _LEFT + 402  # words of the legend
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
            down to a hundredth of the start or further, and a loss of 0 or less lies at its end.

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
    ) -> None:
        check_arguments(epochs, rates, loss_scale)
        super().__init__(size, theme)
        self.epochs, self._rates, self._log = epochs, rates, loss_scale == "log"
        known = start_loss is not None and 0 < start_loss <= HUGE
        self._start_loss = start_loss if known else None
        self._first_view = (0.0, 1.3 * start_loss if start_loss and known else 0.0)
        self._view = self._drawn_view = self._first_view  # lower and upper end of the loss axis
        self._pinned: tuple[Curves, ...] = ()
        self._has_intended = False
        self._make_axes()
        self._make_moving_lines()
        self._fit_view(())

    def draw(
        self,
        current: Curves | None,
        pinned: Iterable[Curves] = (),
        intended: np.ndarray | None = None,
    ) -> None:
        """Draw a run, the runs it is compared with and the learning rate that was intended.

        Args:
            current: The run in strong lines; None for none yet.
            pinned: Runs in lighter lines, each with its label. The same objects as last time cost
                nothing, others a full redraw.
            intended: A learning rate a step, over all epochs of the axis, drawn dotted.
        """
        pinned, run = tuple(pinned), current or Curves({"loss": ()}, np.empty(0))
        self._stale |= pinned != self._pinned or (intended is not None) != self._has_intended
        self._pinned, self._has_intended = pinned, intended is not None
        self._fit_view((run, *pinned))
        self._begin()
        self._move_lines(run, np.empty(0) if intended is None else np.asarray(intended, float))
        self._draw_moving()
        self._write_numbers(run)

    def reset_view(self) -> None:
        """Let the loss axis forget what it has grown for."""
        self._view = self._first_view

    def _make_axes(self) -> None:
        width, height = self.size[0] - _LEFT - _RIGHT, self.size[1] - _TOP - _BOTTOM - _GAP
        below = round(self._share_below * height)
        above = _BOTTOM + below + _GAP
        self._loss_axes = self._add_axes(_LEFT, above, width, height - below)
        self._rate_axes = self._add_axes(_LEFT, _BOTTOM, width, below)
        self._name_axes(self._loss_axes, up="loss")
        self._name_axes(self._rate_axes, "epoch", self._below)
        ticks = range(0, self.epochs + 1, epochs_between_ticks(self.epochs))
        self._loss_axes.set_xticks(ticks, [""] * len(ticks))
        self._rate_axes.set_xticks(ticks, [str(tick) for tick in ticks])
        for axes in (self._loss_axes, self._rate_axes):
            axes.set_xlim(0, self.epochs)
        if self._log:
            self._loss_axes.set(yscale="log", ylim=(0.01, 1))
            self._loss_axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: number_text(x)))
            self._loss_axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            self._loss_axes.set_ylim(0, self._view[1] or 1)
            self._loss_axes.yaxis.set_major_formatter(LossTicks())
        self._scale_below()
        ink = self._ink
        self._add_legend(_TRAINING, "training", _LINE, color=ink["training"], lw=2.5)
        self._add_legend(
            _VALIDATION, "validation", _LINE, color=ink["validation"], lw=2.5, ls=DASHES
        )

    def _scale_below(self) -> None:
        powers = decades(*self._rates)
        labels = [number_text(10.0**p) if (powers[-1] - p) % 2 == 0 else "" for p in powers]
        self._rate_axes.set(yscale="log", ylim=self._rates)
        self._rate_axes.set_yticks([10.0**p for p in powers], labels)
        self._rate_axes.yaxis.set_minor_locator(NullLocator())

    def _make_moving_lines(self) -> None:
        loss, rate, whole = self._loss_axes, self._rate_axes, {"clip_on": False}
        self._rate = self._add_line(rate, "rate")
        self._intended = self._add_line(rate, "validation", ls=DOTS, lw=2)
        self._add_beyond(rate)
        self._val = self._add_line(loss, "validation", ls=DASHES)
        self._train = self._add_line(loss, "training")
        self._val_end = self._add_marks(loss, "validation", "d", 8, **whole)
        self._train_end = self._add_marks(loss, "training", "o", 8, **whole)
        self._add_beyond(loss)
        self._break = self._add_marks(loss, "text", "x", 8, mew=2.5, **whole)

    def _fit_view(self, runs: Iterable[Curves]) -> None:
        """Widen the loss axis for what it has to show; it never shrinks, so it does not jump."""
        parts = [part[can_be_drawn(part)] for run in runs for part in (run.loss, run.val_loss)]
        parts = [part for part in parts if len(part)]
        bottom, top = self._view
        if self._start_loss is None:
            # A run that explodes must not flatten what came before: at most 10 times the start.
            start = max((abs(part[0]) for part in parts), default=0.0)
            highest = max((part.max() for part in parts), default=0.0)
            top = max(top, round_up(1.1 * min(highest, 10 * start)))
        if self._log:
            top = top or 1.0
            lowest = min((part[part > 0].min(initial=top) for part in parts), default=top)
            end = 10.0 ** math.floor(math.log10(max(min(lowest, top / 130), _DEEPEST * top)))
            bottom = min(bottom or end, end)
        else:
            lowest = min((part.min() for part in parts), default=0.0)
            bottom = min(bottom, -round_up(-1.1 * lowest))
        self._view = (bottom, top)
        if self._view != self._drawn_view:
            self._drawn_view = self._view
            self._loss_axes.set_ylim(bottom, top if top > bottom else 1.0)
            self._stale = True

    def _make_background(self) -> list[Artist]:
        """The untrained loss, the pinned runs and the intended rate in the legend."""
        made: list[Artist] = []
        labels: list[tuple[float, str, str]] = []
        if self._start_loss is not None:
            grey = self._ink["faint"]
            made += [self._loss_axes.axhline(self._start_loss, color=grey, lw=1.2, ls=":")]
            labels += [(self._start_loss, "untrained", grey)]
        if self._has_intended:
            style = {"color": self._ink["validation"], "ls": DOTS, "lw": 2}
            made += self._add_legend(_INTENDED, self._meant, _LINE, **style)
        for number, run in enumerate(self._pinned):
            colour = self._pin_colour(number)
            (x, y), mark = self._loss_points(run)
            x_val, y_val = self._val_points(run)
            style = {"color": colour, "ls": DASHES, "lw": 1.5}
            made += self._loss_axes.plot(x, self._clip(y), color=colour, lw=1.8)
            made += self._loss_axes.plot(x_val, self._clip(y_val), **style)
            above = np.append(x[y > self._view[1]], x_val[y_val > self._view[1]])
            heights = np.full(len(above), self._edge)
            made += self._loss_axes.plot(above, heights, "^", color=colour, ms=6)
            steps, rates = _staircase(run)
            made += self._rate_axes.plot(steps, np.clip(rates, *self._rates), color=colour, lw=1.8)
            made += self._loss_axes.plot(*mark, "x", color=colour, ms=8, mew=2)
            label = run.label if len(run.label) <= 20 else run.label[:19] + "…"
            end = y[-1] if len(y) else self._edge
            labels += [(float(end), f"{label} ×" if run.diverged else label, colour)]
        return [*made, *self._label_ends(labels)]

    def _label_ends(self, labels: list[tuple[float, str, str]]) -> list[Text]:
        """Words right of the axes, at the ends of lines, apart, and small enough to fit."""
        box, texts = self._loss_axes.bbox, []
        heights = self._loss_axes.transData.transform([(0, y) for y, _, _ in labels] or [(0, 0)])
        order = sorted(zip(heights[:, 1], labels, strict=False), key=lambda pair: -pair[0])
        y = box.y1 + LINE_HEIGHT
        for below, (height, (_, words, colour)) in zip(range(len(order))[::-1], order, strict=True):
            y = max(min(height, box.y1, y - LINE_HEIGHT), box.y0 + below * LINE_HEIGHT)
            text = self._text(self.size[0] - _RIGHT + 10, y - 5, words, color=colour)
            wide = text.get_window_extent(self.screen.renderer).width / (_RIGHT - 20)
            text.set_fontsize(FONT["size"] / max(1, wide))
            texts.append(text)
        return texts

    def _loss_points(self, run: Curves) -> tuple[Points, Points]:
        """The training curve, up to the break if it diverged; and the place of the break's mark."""
        x, y = np.arange(1.0, run.epochs + 1), run.loss
        if self._start_loss is not None:
            x, y = np.append(0.0, x), np.append(self._start_loss, y)
        if not run.diverged:
            return (x, y), (x[:0], y[:0])
        lost = np.flatnonzero(~(y <= self._view[1]))
        if len(lost):
            first = int(lost[0])
            end = first + bool(can_be_drawn(y[first]))
            x, y = x[:end], np.minimum(y[:end], self._edge)
        mark = (x[-1:], y[-1:]) if len(x) else (np.ones(1), np.full(1, self._edge))
        return (x, y), mark

    def _val_points(self, run: Curves) -> Points:
        """The validation curve; after `validation_freq=2` it has a value every other epoch."""
        y = run.val_loss
        x = np.arange(1.0, len(y) + 1) * run.epochs / max(len(y), 1)
        seen = can_be_drawn(y)
        if run.diverged:
            seen &= np.cumsum(~(y <= self._view[1])) == 0
        return x[seen], y[seen]

    @property
    def _edge(self) -> float:
        """The loss at which things that are above the view are marked."""
        return self._edges(self._loss_axes)[1]

    def _clip(self, y: np.ndarray) -> np.ndarray:
        """Losses that Agg can draw: lines still leave the view where they do."""
        bottom, top = self._view
        span = top - bottom
        ends = (1e-3 * bottom, 1e3 * top) if self._log else (bottom - 3 * span, top + 3 * span)
        return np.asarray(np.clip(y, *ends))

    def _move_lines(self, run: Curves, intended: np.ndarray) -> None:
        (x, y), mark = self._loss_points(run)
        x_val, y_val = self._val_points(run)
        ends = run.epochs and not run.diverged
        for line, end, across, up in (
            (self._train, self._train_end, x, y),
            (self._val, self._val_end, x_val, y_val),
        ):
            line.set_data(across, self._clip(up))
            inside = (self._view[0] <= up[-1:]) & (up[-1:] <= self._view[1]) & bool(ends)
            end.set_data(across[-1:][inside], up[-1:][inside])
        self._mark_beyond(self._loss_axes, np.append(x, x_val), np.append(y, y_val))
        self._break.set_data(*mark)
        low, high = self._rates
        x, rates = _staircase(run)
        self._rate.set_data(x, np.clip(rates, low, high))
        self._mark_beyond(self._rate_axes, x, rates)
        steps = np.arange(len(intended)) * self.epochs / max(len(intended), 1)
        self._intended.set_data(steps, np.clip(intended, low, high))

    def _write_numbers(self, run: Curves) -> None:
        """The last values, in the legend and at the end of the rate."""
        header = self.size[1] - self._header
        self._write(_TRAINING + 68, header, _last(run.loss))
        val_loss = run.val_loss if run.diverged else run.val_loss[can_be_drawn(run.val_loss)]
        self._write(_VALIDATION + 84, header, _last(val_loss))
        if not run.epochs:
            return
        done = f"{'epoch ' * (self.epochs < _LONG)}{run.epochs} of {self.epochs}"
        self._write(self.size[0] - 12, header, done, ha="right")
        if run.diverged:
            x, y = self._place(self._loss_axes, *np.asarray(self._break.get_xydata())[0])
            # Above the mark, which may lie on the line of the untrained model, and in the axes.
            y = min(y + 5, self._loss_axes.bbox.y1 - LINE_HEIGHT + 4)
            self._write_beside(self._loss_axes, x, y, "diverged")
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
    epochs: Any, rates: Sequence[float] = (1e-5, 10.0), loss_scale: str = "linear"
) -> None:
    """Raise a ValueError if `CurvesFigure` cannot work with these arguments."""
    if not isinstance(epochs, int | np.integer) or isinstance(epochs, bool) or epochs < 1:
        raise ValueError(f"epochs must be a whole number from 1 on. Received: epochs={epochs!r}.")
    if loss_scale not in ("linear", "log"):
        raise ValueError(
            f'loss_scale must be "linear" or "log". Received: loss_scale={loss_scale!r}.'
        )
    check_rates(rates)
