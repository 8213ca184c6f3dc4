"""Axes on which a metric of runs stands over the epochs: one storey of a `CurvesFigure`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter

from lrlab.figures.history import Curves, can_be_drawn, is_share, metric_in_words
from lrlab.figures.ink import DASHES, FONT, number_text, short_number_text
from lrlab.figures.plot import LINE_HEIGHT, Plot
from lrlab.figures.ticks import HUGE, LossTicks, round_up
from lrlab.figures.traces import Trace

__all__ = ["Panel"]

Points: TypeAlias = tuple[np.ndarray, np.ndarray]
Label: TypeAlias = tuple[float, str, str]  # where a line ends, its words and their colour

_DEEPEST = 1e-8  # where a logarithmic axis ends at the latest, as a share of its top
_SHARE = 1.04  # where the axis of an accuracy ends, so that a line at 1 is whole
_COLOURS = "training", "validation"
_EXTREMES: dict[str, Callable[[np.ndarray], float]] = {
    "min": np.min,
    "max": np.max,
    "now": lambda seen: seen[-1],
}
_LINES = 13, 18, 27, 60  # letters of a line beside the axes, the shortest that there is room for
_AFTER = 10  # pixels, from the axes to the words beside them


class Panel:
    """Axes of a metric, the lines of a run that move on them, and the pinned runs that stay.

    Args:
        plot: The figure to which they belong.
        metric: Which value of the history is drawn.
        box: Left, bottom, width and height in pixels.
        margin: Pixels to the right of the axes.
        epochs: Length of the epoch axis.
        start: The value of the untrained model, None where it is not known. Without it (or if it is
            not positive) the axis grows with what it shows.
        log: Whether the axis is logarithmic. That of a share, as an accuracy, is not.
    """

    def __init__(
        self,
        plot: Plot,
        metric: str,
        box: tuple[float, float, float, float],
        *,
        margin: float,
        epochs: int,
        start: float | None,
        log: bool,
    ) -> None:
        self._plot, self._metric, self._margin = plot, metric, margin
        share = is_share(metric)
        self._log = log and not share
        known = start is not None and 0 < start <= HUGE and metric == "loss"
        self._start = start if known else None
        self._fixed = share or self._start is not None
        self._first_view = (0.0, 1.3 * self._start if self._start else _SHARE * share)
        self._view = self._drawn_view = self._first_view  # lower and upper end of the axis
        self.axes = axes = plot._add_axes(*box)
        plot._name_axes(axes, up=metric_in_words(metric))
        axes.set_xlim(0, epochs)
        if self._log:
            axes.set(yscale="log", ylim=(0.01, 1))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: number_text(x)))
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_ylim(0, self._view[1] or 1)
            axes.yaxis.set_major_formatter(LossTicks())

    def make_moving_lines(self) -> None:
        """Make what changes from frame to frame."""
        plot, axes = self._plot, self.axes
        self._val = plot._add_line(axes, "validation", ls=DASHES)
        self._train = plot._add_line(axes, "training")
        self._val_end = plot._add_marks(axes, "validation", "d", 8, clip_on=False)
        self._train_end = plot._add_marks(axes, "training", "o", 8, clip_on=False)
        plot._add_beyond(axes)
        self._break = plot._add_marks(axes, "text", "x", 8, mew=2.5, clip_on=False)

    def reset_view(self) -> None:
        """Let the axis forget what it has grown for."""
        self._view = self._first_view

    def fit_view(self, runs: Iterable[Curves]) -> bool:
        """Widen the axis for what it has to show, and tell whether it has changed.

        It never shrinks, so it does not jump.
        """
        every = [part for run in runs for part in run.values(self._metric)]
        parts = [part[can_be_drawn(part)] for part in every]
        parts = [part for part in parts if len(part)]
        bottom, top = self._view
        if not self._fixed:
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
        if self._view == self._drawn_view:
            return False
        self._drawn_view = self._view
        self.axes.set_ylim(bottom, top if top > bottom else 1.0)
        return True

    def make_background(self, pinned: Iterable[Curves]) -> list[Artist]:
        """Draw the untrained value and the pinned runs."""
        made: list[Artist] = []
        labels: list[Label] = []
        if self._start is not None:
            grey = self._plot._ink["faint"]
            made += [self.axes.axhline(self._start, color=grey, lw=1.2, ls=":")]
            labels += [(self._start, "untrained", grey)]
        for number, run in enumerate(pinned):
            colour = self._plot._pin_colour(number)
            (x, y), mark = self._points(run)
            x_val, y_val = self._val_points(run)
            style: dict[str, Any] = {"color": colour, "ls": DASHES, "lw": 1.5}
            made += self.axes.plot(x, self._clip(y), color=colour, lw=1.8)
            made += self.axes.plot(x_val, self._clip(y_val), **style)
            above = np.append(x[y > self._view[1]], x_val[y_val > self._view[1]])
            heights = np.full(len(above), self._edge)
            made += self.axes.plot(above, heights, "^", color=colour, ms=6)
            made += self.axes.plot(*mark, "x", color=colour, ms=8, mew=2)
            end = y[-1] if len(y) else self._edge
            label = f"{run.label} ×" if run.diverged else run.label
            labels += [(float(end), label, colour)]
        return [*made, *self._label_ends(self._in_lines(labels))]

    def _in_lines(self, labels: Sequence[Label]) -> list[Label]:
        """Break labels into lines, longer ones where there is no room for so many."""
        room, lines = self.axes.bbox.height / LINE_HEIGHT, [*labels]
        for letters in _LINES:
            lines = [(y, line, ink) for y, words, ink in labels for line in wrap(words, letters)]
            if len(lines) <= room:
                break
        return lines

    def _label_ends(self, labels: Sequence[Label]) -> list[Text]:
        """Words right of the axes, at the ends of lines, apart, and small enough to fit."""
        box, texts = self.axes.bbox, []
        heights = self.axes.transData.transform([(0, y) for y, _, _ in labels] or [(0, 0)])
        order = sorted(zip(heights[:, 1], labels, strict=False), key=lambda pair: -pair[0])
        y = box.y1 + LINE_HEIGHT
        for below, (height, (_, words, colour)) in zip(range(len(order))[::-1], order, strict=True):
            y = max(min(height, box.y1, y - LINE_HEIGHT), box.y0 + below * LINE_HEIGHT)
            text = self._plot._text(box.x1 + _AFTER, y - 5, words, color=colour)
            wide = text.get_window_extent(self._plot.screen.renderer).width / (self._margin - 20)
            text.set_fontsize(FONT["size"] / max(1, wide))
            texts.append(text)
        return texts

    def _points(self, run: Curves) -> tuple[Points, Points]:
        """The training curve, up to the break if it diverged; and the place of the break's mark."""
        y, _ = run.values(self._metric)
        x = np.arange(1.0, len(y) + 1)
        if self._start is not None:
            x, y = np.append(0.0, x), np.append(self._start, y)
        if not run.diverged:
            return (x, y), (x[:0], y[:0])
        lost = np.flatnonzero(self._lost(run, y))
        if len(lost):
            first = int(lost[0])
            end = first + bool(can_be_drawn(y[first]))
            x, y = x[:end], np.minimum(y[:end], self._edge)
        mark = (x[-1:], y[-1:]) if len(x) else (np.ones(1), np.full(1, self._edge))
        return (x, y), mark

    def _lost(self, run: Curves, y: np.ndarray) -> np.ndarray:
        """Where a value is out of sight for good, or the loss is no number any more."""
        lost: np.ndarray = ~(y <= self._view[1])
        if self._metric != "loss" and len(y) == run.epochs:
            lost = lost | ~can_be_drawn(run.loss)
        return lost

    def _val_points(self, run: Curves) -> Points:
        """The validation curve; after `validation_freq=2` it has a value every other epoch."""
        _, y = run.values(self._metric)
        x = np.arange(1.0, len(y) + 1) * run.epochs / max(len(y), 1)
        seen = can_be_drawn(y)
        if run.diverged:
            seen &= np.cumsum(self._lost(run, y)) == 0
        return x[seen], y[seen]

    @property
    def _edge(self) -> float:
        """The value at which things that are above the view are marked."""
        return self._plot._edges(self.axes)[1]

    def _clip(self, y: np.ndarray) -> np.ndarray:
        """Values that Agg can draw: lines still leave the view where they do."""
        bottom, top = self._view
        span = top - bottom
        ends = (1e-3 * bottom, 1e3 * top) if self._log else (bottom - 3 * span, top + 3 * span)
        return np.asarray(np.clip(y, *ends))

    def move_lines(self, run: Curves) -> None:
        """Put the lines and marks where the run has them."""
        (x, y), mark = self._points(run)
        x_val, y_val = self._val_points(run)
        ends = run.epochs and not run.diverged
        for line, end, across, up in (
            (self._train, self._train_end, x, y),
            (self._val, self._val_end, x_val, y_val),
        ):
            line.set_data(across, self._clip(up))
            inside = (self._view[0] <= up[-1:]) & (up[-1:] <= self._view[1]) & bool(ends)
            end.set_data(across[-1:][inside], up[-1:][inside])
        self._plot._mark_beyond(self.axes, np.append(x, x_val), np.append(y, y_val))
        self._break.set_data(*mark)

    def traces(self, run: Curves, *, several: bool) -> Iterator[Trace]:
        """Where its values lie; of several panels each says which metric it is."""
        what = metric_in_words(self._metric) if several or not run.label else ""
        for name, values in zip(_COLOURS, run.values(self._metric), strict=True):
            if len(values):
                x = np.arange(1.0, len(values) + 1) * run.epochs / len(values)
                words = " ".join(filter(None, (run.label, name, what)))
                yield self._plot._trace(self.axes, ("epoch", words), x, values)

    def write_break(self) -> None:
        """Say "diverged" beside the end of a run that did."""
        x, y = self._plot._place(self.axes, *np.asarray(self._break.get_xydata())[0])
        # Above the mark, which may lie on the line of the untrained model, and in the axes.
        y = min(y + 5, self.axes.bbox.y1 - LINE_HEIGHT + 4)
        self._plot._write_beside(self.axes, x, y, "diverged")

    def write_extremes(self, run: Curves) -> None:
        """Write the last, the highest and the lowest value beside the axes."""
        for line, (word, choose) in enumerate(_EXTREMES.items()):
            x, y = self.axes.bbox.x1 + _AFTER, self.axes.bbox.y0 + line * LINE_HEIGHT
            self._plot._write(x, y, word)
            for values, colour in zip(run.values(self._metric), _COLOURS, strict=True):
                x += self._margin / 3 - 3
                seen = values[can_be_drawn(values)]
                if len(seen):
                    self._plot._write(x, y, short_number_text(choose(seen)), colour)
