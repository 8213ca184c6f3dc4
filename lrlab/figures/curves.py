"""Pictures of runs: loss above, learning rate below, on one epoch axis; redrawn in milliseconds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from lrlab.figures.ink import DASHES, DOTS, FONT, Theme, number_text
from lrlab.figures.plot import LINE_HEIGHT, SIZE, Plot, check_rates
from lrlab.figures.ticks import LossTicks, decades, epochs_between_ticks, round_up

__all__ = ["Curves", "CurvesFigure", "LossScale", "can_be_drawn", "check_arguments", "describe"]

Points: TypeAlias = tuple[np.ndarray, np.ndarray]
LossScale: TypeAlias = Literal["linear", "log"]

_HUGE = 1e30  # Matplotlib cannot place 1e308 on a linear axis
_DEEPEST = 1e-8  # where a logarithmic axis ends at the latest, as a share of its top
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 84, 128, 44, 52, 16  # pixels around and between the axes
_TRAINING, _VALIDATION, _INTENDED = _LEFT + 36, _LEFT + 212, _LEFT + 402  # words of the legend
_LINE = (-36, -8)  # pixels, from these words to the ends of a line


@dataclass(frozen=True, eq=False)
class Curves:
    """What a figure shows of one run.

    Attributes:
        history: Keras's keys, a value an epoch: `loss`, and `val_loss` if there is any; others are
            ignored. NaN in an early epoch is a gap, at the end it means that the run diverged.
        learning_rates: The learning rate of every step, evenly spread over the epochs trained.
        label: A few words that name the run when it is pinned; 20 characters are shown.
        verdict: The verdict on the run; "diverged" marks it so even where its last loss is finite.

    Raises:
        ValueError: If the history has no `loss`.
    """

    history: Mapping[str, Sequence[float]]
    learning_rates: np.ndarray
    label: str = ""
    verdict: str = ""
    loss: np.ndarray = field(init=False, repr=False)
    val_loss: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if "loss" not in self.history:
            raise ValueError(
                "history must have the training loss of each epoch under 'loss'. Received: "
                f"{sorted(self.history)}. A Keras History has it in its attribute `history`."
            )
        for name in ("loss", "val_loss"):
            values = np.asarray(self.history.get(name, ()), dtype=float)
            object.__setattr__(self, name, np.clip(values, -_HUGE, _HUGE))
        rates = np.asarray(self.learning_rates, dtype=float).reshape(-1)
        object.__setattr__(self, "learning_rates", np.clip(rates, 0, _HUGE))

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.loss)

    @property
    def diverged(self) -> bool:
        """Whether the loss was lost: by verdict, or because it ended in NaN or infinity."""
        return self.verdict == "diverged" or not can_be_drawn(self.loss[-1:]).all()


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
        known = start_loss is not None and 0 < start_loss <= _HUGE
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
        self._rate_above = self._add_marks(rate, "rate", "^", 8, **whole)
        self._rate_below = self._add_marks(rate, "rate", "v", 8, **whole)
        self._val = self._add_line(loss, "validation", ls=DASHES)
        self._train = self._add_line(loss, "training")
        self._val_end = self._add_marks(loss, "validation", "d", 8, **whole)
        self._train_end = self._add_marks(loss, "training", "o", 8, **whole)
        self._above = self._add_marks(loss, "text", "^", 8, **whole)
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
            made += self._loss_axes.plot(x, y, color=colour, lw=1.8)
            made += self._loss_axes.plot(*self._val_points(run), color=colour, lw=1.5, ls=DASHES)
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
            return (x, self._clip(y)), (x[:0], y[:0])
        lost = np.flatnonzero(~(y <= self._view[1]))
        if len(lost):
            first = int(lost[0])
            end = first + bool(can_be_drawn(y[first]))
            x, y = x[:end], np.minimum(y[:end], self._edge)
        mark = (x[-1:], y[-1:]) if len(x) else (np.ones(1), np.full(1, self._edge))
        return (x, self._clip(y)), mark

    def _val_points(self, run: Curves) -> Points:
        """The validation curve; after `validation_freq=2` it has a value every other epoch."""
        y = run.val_loss
        x = np.arange(1.0, len(y) + 1) * run.epochs / max(len(y), 1)
        seen = can_be_drawn(y)
        if run.diverged:
            seen &= np.cumsum(~(y <= self._view[1])) == 0
        return x[seen], self._clip(y[seen])

    @property
    def _edge(self) -> float:
        """The loss at which things that are above the view are marked."""
        bottom, top = self._loss_axes.get_ylim()
        return float(top * (bottom / top) ** 0.03 if self._log else top - 0.03 * (top - bottom))

    def _clip(self, y: np.ndarray) -> np.ndarray:
        if self._log:
            return np.asarray(np.clip(y, self._view[0], 1e3 * self._view[1]))
        span = self._view[1] - self._view[0]
        clipped: np.ndarray = np.clip(y, self._view[0] - 3 * span, self._view[1] + 3 * span)
        return clipped

    def _move_lines(self, run: Curves, intended: np.ndarray) -> None:
        (x, y), mark = self._loss_points(run)
        x_val, y_val = self._val_points(run)
        last = slice(-1, None) if run.epochs and not run.diverged else slice(0)
        above = np.union1d(x[y > self._view[1]], x_val[y_val > self._view[1]])
        self._train.set_data(x, y)
        self._train_end.set_data(x[last], np.minimum(y[last], self._edge))
        self._val.set_data(x_val, y_val)
        self._val_end.set_data(x_val[last], np.minimum(y_val[last], self._edge))
        self._mark(self._above, above, self._edge)
        self._break.set_data(*mark)
        low, high = self._rates
        x, rates = _staircase(run)
        self._rate.set_data(x, np.clip(rates, low, high))
        self._mark(self._rate_above, x[rates > high], 0.8 * high)
        self._mark(self._rate_below, x[rates < low], 1.25 * low)
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
        self._write(self.size[0] - 12, header, f"epoch {run.epochs} of {self.epochs}", ha="right")
        if run.diverged:
            x, y = self._place(self._loss_axes, *np.asarray(self._break.get_xydata())[0])
            # Above the mark, which may lie on the line of the untrained model.
            if x > self._loss_axes.bbox.x1 - 90:
                self._write(x - 10, y + 5, "diverged", ha="right")
            else:
                self._write(x + 10, y + 5, "diverged")
        rates = run.learning_rates[can_be_drawn(run.learning_rates)]
        if len(rates):
            _, y = self._place(self._rate_axes, 0, np.clip(rates[-1], *self._rates))
            self._write(self.size[0] - _RIGHT + 10, y - 5, number_text(rates[-1]), "rate")


def describe(
    curves: Curves, epochs: int, intended: np.ndarray | None = None, name: str = ""
) -> str:
    """Say in plain words what the picture of a run shows, for those who cannot see it.

    Args:
        curves: The run.
        epochs: How many epochs it was to last.
        intended: The learning rate a step that was intended; told where the run's is another.
        name: What the loss is called, if it is another than the training loss.

    Example:
        >>> curves = Curves({"loss": [1.92, 0.11], "val_loss": [0.9, 0.14]}, np.full(90, 0.1))
        >>> for sentence in describe(curves, 2).split(". "):
        ...     print(sentence)
        Training loss falls from 1.92 to 0.11 in 2 epochs, validation loss ends at 0.14
        The learning rate is 0.1 throughout.
    """
    loss, val_loss = (part[can_be_drawn(part)] for part in (curves.loss, curves.val_loss))
    if not curves.epochs:
        return "No epoch is trained yet."
    ran = f"{curves.epochs} epoch{'s' * (curves.epochs > 1)}"
    ran += f" of {epochs}" * (curves.epochs < epochs)
    called = name or "training loss"
    if not len(loss):
        text = f"The run diverged at once: in {ran} its {called} was never a finite number"
    elif curves.diverged:
        text = f"The run diverged: {called} starts at {number_text(loss[0])} and "
        text += f"ends at {number_text(loss[-1])}" if can_be_drawn(curves.loss[-1]) else "is lost"
        text += f" in {ran}"
    else:
        verb = "falls" if loss[-1] < loss[0] else "rises"
        if abs(loss[-1] - loss[0]) <= 0.02 * abs(loss[0]):
            verb = "hardly moves,"
        text = name or "Training loss"
        if len(loss) == 1:
            text += f" is {number_text(loss[0])} after {ran}"
        else:
            text += f" {verb} from {number_text(loss[0])} to {number_text(loss[-1])} in {ran}"
        if len(val_loss):
            text += f", validation loss ends at {number_text(val_loss[-1])}"
    words = [f"{text}.", _describe_rates(curves.learning_rates)]
    rates = curves.learning_rates
    # A rate that an optimizer held has 24 bits.
    if intended is not None and not np.allclose(rates, intended[: len(rates)], rtol=1e-5, atol=0):
        words.append(_describe_rates(intended, "intended rate"))
    return " ".join(filter(None, words))


def _describe_rates(rates: np.ndarray, name: str = "learning rate") -> str:
    rates = rates[can_be_drawn(rates)]
    if not len(rates):
        return ""
    first, last = number_text(rates[0]), number_text(rates[-1])
    changes = np.diff(rates)
    changes = changes[changes != 0]
    if not len(changes):
        return f"The {name} is {first} throughout."
    if (changes < 0).all() or (changes > 0).all():
        verb = "falls" if changes[0] < 0 else "rises"
        steps = f" in {len(changes)} step{'s' * (len(changes) > 1)}" * (len(changes) <= 20)
        return f"The {name} {verb} from {first} to {last}{steps}."
    between = f"{number_text(rates.min())} and {number_text(rates.max())}"
    return f"The {name} goes from {first} to {last}, always between {between}."


def can_be_drawn(values: Any) -> Any:
    """Where values are finite and small enough to be placed on an axis."""
    return np.abs(values) < _HUGE


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
