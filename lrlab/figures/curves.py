"""Pictures of runs: loss above, learning rate below, on one epoch axis; redrawn in milliseconds.

Matplotlib's object-oriented interface on an Agg canvas, never pyplot, so that a figure may be drawn
in any one thread. What stays from frame to frame is rendered once and kept as pixels.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator, ScalarFormatter
from matplotlib.transforms import IdentityTransform

from lrlab.figures.ink import DASHES, DOTS, FONT, THEMES, Theme, check_theme, number_text
from lrlab.figures.screen import Screen

__all__ = ["Curves", "CurvesFigure", "LossScale", "check_arguments", "describe"]

Points: TypeAlias = tuple[np.ndarray, np.ndarray]
LossScale: TypeAlias = Literal["linear", "log"]

_LONG = 1e5  # losses from here on are written with an exponent
_HUGE = 1e30  # Matplotlib cannot place 1e308 on a linear axis
_DEEPEST = 1e-8  # where a logarithmic axis ends at the latest, as a share of its top
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 84, 128, 44, 52, 16  # pixels around and between the axes
_HEADER = 27  # pixels from the top to the baseline of the legend
_LEGEND = {"training": _LEFT, "validation": _LEFT + 176, "intended": _LEFT + 366}  # pixels
_LINE_HEIGHT = 17  # pixels


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
        return self.verdict == "diverged" or not _usual(self.loss[-1:]).all()


class CurvesFigure:
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
        size: tuple[int, int] = (760, 460),
        rates: tuple[float, float] = (1e-5, 10.0),
        theme: Theme = "light",
        loss_scale: LossScale = "linear",
    ) -> None:
        check_arguments(epochs, size, rates, theme, loss_scale)
        self.epochs, self.size, self.theme = epochs, size, theme
        self._log = loss_scale == "log"
        self._rates, self._ink = rates, THEMES[theme]
        known = start_loss is not None and 0 < start_loss < _HUGE
        self._start_loss = start_loss if known else None
        self._first_view = (0.0, 1.3 * start_loss if start_loss and known else 0.0)
        self._view = self._drawn_view = self._first_view  # lower and upper end of the loss axis
        self._pinned: tuple[Curves, ...] = ()
        self._has_intended = False
        self._kept: list[Line2D | Text] = []  # in the background until the pinned runs change
        inches = (size[0] / 100, size[1] / 100)
        self._figure = Figure(figsize=inches, dpi=100, facecolor=self._ink["background"])
        self._screen = Screen(self._figure, theme)
        self._make_axes()
        self._make_moving_lines()
        self._stale = True  # the background has to be rendered

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
        if self._stale:
            self._render_background()
        self._screen.restore()
        self._move_lines(run, np.empty(0) if intended is None else np.asarray(intended, float))
        for line in self._moving:
            if np.size(line.get_xdata()):
                line.draw(self._screen.renderer)
        self._write_numbers(run)

    def start_anew(self) -> None:
        """Let the loss axis forget what it has grown for."""
        self._view = self._first_view

    def png(self, beside: Screen | None = None) -> bytes:
        """The picture last drawn as a PNG file of about 10 KB; empty axes before the first.

        A picture of the same height and theme can stand beside it.
        """
        if self._stale:
            self.draw(None)
        return self._screen.png(beside)

    def _make_axes(self) -> None:
        width, height = self.size
        inner = height - _TOP - _BOTTOM - _GAP
        rate_height = round(self._share_below * inner)
        self._loss_axes = self._axes(_BOTTOM + rate_height + _GAP, inner - rate_height, "loss")
        self._rate_axes = self._axes(_BOTTOM, rate_height, self._below)
        ticks = range(0, self.epochs + 1, _tick_step(self.epochs))
        self._loss_axes.set_xticks(ticks, [""] * len(ticks))
        self._rate_axes.set_xticks(ticks, [str(tick) for tick in ticks])
        self._text((width + _LEFT - _RIGHT) / 2, 9, "epoch", ha="center")
        if self._log:
            self._loss_axes.set(yscale="log", ylim=(0.01, 1))
            self._loss_axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: number_text(x)))
            self._loss_axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            self._loss_axes.set_ylim(0, self._view[1] or 1)
            self._loss_axes.yaxis.set_major_formatter(_LossTicks())
        self._scale_below()
        self._legend("training", color=self._ink["training"], lw=2.5, ls="-")
        self._legend("validation", color=self._ink["validation"], lw=2.5, ls=DASHES)

    def _scale_below(self) -> None:
        low, high = self._rates
        decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        labels = [number_text(10.0**d) if (decades[-1] - d) % 2 == 0 else "" for d in decades]
        self._rate_axes.set(yscale="log", ylim=(low, high))
        self._rate_axes.set_yticks([10.0**d for d in decades], labels)
        self._rate_axes.yaxis.set_minor_locator(NullLocator())

    def _axes(self, bottom: int, height: int, name: str) -> Axes:
        across, up = self.size
        box = (_LEFT / across, bottom / up, 1 - (_LEFT + _RIGHT) / across, height / up)
        axes = self._figure.add_axes(box, facecolor=self._ink["background"])
        axes.set(xlim=(0, self.epochs), axisbelow=True)
        axes.grid(visible=True, color=self._ink["grid"], lw=0.8, ls="-")
        axes.tick_params(color=self._ink["faint"], labelcolor=self._ink["text"])
        axes.tick_params(labelsize=FONT["size"], labelfontfamily=FONT["family"])
        for side, spine in axes.spines.items():
            spine.set(visible=side in ("left", "bottom"), color=self._ink["faint"], lw=1)
        self._text(12, bottom + height / 2, name, rotation=90, ha="center", va="center")
        return axes

    def _text(self, x: float, y: float, words: str, **style: Any) -> Text:
        """Words on a baseline, at a place in pixels from the lower left corner."""
        style = {"color": self._ink["text"], "va": "baseline", **FONT, **style}
        place = IdentityTransform()
        return self._figure.text(x, y, words, transform=place, parse_math=False, **style)

    def _legend(self, name: str, words: str = "", **style: Any) -> list[Line2D | Text]:
        x, y = _LEGEND[name], self.size[1] - _HEADER
        line = Line2D([x, x + 28], [y + 5, y + 5], transform=IdentityTransform(), **style)
        self._figure.add_artist(line)
        return [line, self._text(x + 36, y, words or name)]

    def _make_moving_lines(self) -> None:
        """Make once every line that changes from frame to frame; none is in the background."""

        def moving(axes: Axes, colour: str, **style: Any) -> Line2D:
            ink = self._ink[colour]
            return axes.plot([], [], color=ink, animated=True, **{"lw": 2.5, **style})[0]

        def marks(axes: Axes, colour: str, marker: str, **style: Any) -> Line2D:
            return moving(axes, colour, marker=marker, ls="", ms=8, clip_on=False, **style)

        loss, rate = self._loss_axes, self._rate_axes
        self._rate = moving(rate, "rate")
        self._intended = moving(rate, "validation", ls=DOTS, lw=2)
        self._rate_above, self._rate_below = marks(rate, "rate", "^"), marks(rate, "rate", "v")
        self._train, self._val = moving(loss, "training"), moving(loss, "validation", ls=DASHES)
        self._train_end, self._val_end = (
            marks(loss, "training", "o"),
            marks(loss, "validation", "d"),
        )
        self._above, self._break = marks(loss, "text", "^"), marks(loss, "text", "x", mew=2.5)
        self._moving = (
            *(self._rate, self._intended, self._rate_above, self._rate_below),
            *(self._val, self._train, self._val_end, self._train_end, self._above, self._break),
        )

    def _fit_view(self, runs: Iterable[Curves]) -> None:
        """Widen the loss axis for what it has to show; it never shrinks, so it does not jump."""
        parts = [part[_usual(part)] for run in runs for part in (run.loss, run.val_loss)]
        parts = [part for part in parts if len(part)]
        bottom, top = self._view
        if self._start_loss is None:
            # A run that explodes must not flatten what came before: at most 10 times the start.
            start = max((abs(part[0]) for part in parts), default=0.0)
            highest = max((part.max() for part in parts), default=0.0)
            top = max(top, _round_up(1.1 * min(highest, 10 * start)))
        if self._log:
            top = top or 1.0
            lowest = min((part[part > 0].min(initial=top) for part in parts), default=top)
            end = 10.0 ** math.floor(math.log10(max(min(lowest, top / 130), _DEEPEST * top)))
            bottom = min(bottom or end, end)
        else:
            lowest = min((part.min() for part in parts), default=0.0)
            bottom = min(bottom, -_round_up(-1.1 * lowest))
        self._view = (bottom, top)
        if self._view != self._drawn_view:
            self._drawn_view = self._view
            self._loss_axes.set_ylim(bottom, top if top > bottom else 1.0)
            self._stale = True

    def _render_background(self) -> None:
        for artist in self._kept:
            artist.remove()
        labels: list[tuple[float, str, str]] = []
        self._kept = []
        if self._start_loss is not None:
            grey = self._ink["faint"]
            self._kept = [self._loss_axes.axhline(self._start_loss, color=grey, lw=1.2, ls=":")]
            labels = [(self._start_loss, "untrained", grey)]
        if self._has_intended:
            style = {"color": self._ink["validation"], "ls": DOTS, "lw": 2}
            self._kept += self._legend("intended", self._meant, **style)
        for number, run in enumerate(self._pinned):
            colour = self._ink["pins"][number % len(self._ink["pins"])]
            (x, y), mark = self._loss_points(run)
            x_rate, rates = _staircase(run)
            self._kept += self._loss_axes.plot(x, y, color=colour, lw=1.8)
            self._kept += self._loss_axes.plot(
                *self._val_points(run), color=colour, lw=1.5, ls=DASHES
            )
            self._kept += self._rate_axes.plot(
                x_rate, np.clip(rates, *self._rates), color=colour, lw=1.8
            )
            self._kept += self._loss_axes.plot(*mark, "x", color=colour, ms=8, mew=2)
            label = run.label if len(run.label) <= 20 else run.label[:19] + "…"
            end = y[-1] if len(y) else self._edge
            labels.append((float(end), f"{label} ×" if run.diverged else label, colour))
        self._kept += self._label_ends(labels)
        self._screen.keep()
        self._stale = False

    def _label_ends(self, labels: list[tuple[float, str, str]]) -> list[Text]:
        """Words right of the axes, at the ends of lines, apart, and small enough to fit."""
        box, texts = self._loss_axes.bbox, []
        heights = self._loss_axes.transData.transform([(0, y) for y, _, _ in labels] or [(0, 0)])
        order = sorted(zip(heights[:, 1], labels, strict=False), key=lambda pair: -pair[0])
        y = box.y1 + _LINE_HEIGHT
        for below, (height, (_, words, colour)) in zip(range(len(order))[::-1], order, strict=True):
            y = max(min(height, box.y1, y - _LINE_HEIGHT), box.y0 + below * _LINE_HEIGHT)
            text = self._text(self.size[0] - _RIGHT + 10, y - 5, words, color=colour)
            wide = text.get_window_extent(self._screen.renderer).width / (_RIGHT - 20)
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
            end = first + bool(_usual(y[first]))
            x, y = x[:end], np.minimum(y[:end], self._edge)
        mark = (x[-1:], y[-1:]) if len(x) else (np.ones(1), np.full(1, self._edge))
        return (x, self._clip(y)), mark

    def _val_points(self, run: Curves) -> Points:
        """The validation curve; after `validation_freq=2` it has a value every other epoch."""
        y = run.val_loss
        x = np.arange(1.0, len(y) + 1) * run.epochs / max(len(y), 1)
        seen = _usual(y)
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
        self._above.set_data(above, np.full(len(above), self._edge))
        self._break.set_data(*mark)
        low, high = self._rates
        x, rates = _staircase(run)
        self._rate.set_data(x, np.clip(rates, low, high))
        self._rate_above.set_data(x[rates > high], np.full_like(x[rates > high], 0.8 * high))
        self._rate_below.set_data(x[rates < low], np.full_like(x[rates < low], 1.25 * low))
        steps = np.arange(len(intended)) * self.epochs / max(len(intended), 1)
        self._intended.set_data(steps, np.clip(intended, low, high))

    def _write_numbers(self, run: Curves) -> None:
        """The last values, in the legend and at the end of the rate."""
        text, y = self._ink["text"], self.size[1] - _HEADER
        self._screen.write(_LEGEND["training"] + 104, y, _last(run.loss), text)
        val_loss = run.val_loss if run.diverged else run.val_loss[_usual(run.val_loss)]
        self._screen.write(_LEGEND["validation"] + 120, y, _last(val_loss), text)
        if not run.epochs:
            return
        words = f"epoch {run.epochs} of {self.epochs}"
        self._screen.write(self.size[0] - 12, y, words, text, to_the_left=True)
        if run.diverged:
            place = self._break.get_transform().transform(self._break.get_xydata())[0]
            left = bool(place[0] > self._loss_axes.bbox.x1 - 90)
            x = place[0] + (-10 if left else 10)
            # Above the mark, which may lie on the line of the untrained model.
            self._screen.write(x, place[1] + 5, "diverged", text, to_the_left=left)
        rates = run.learning_rates[_usual(run.learning_rates)]
        if len(rates):
            axis = self._rate_axes.transData.transform((0, np.clip(rates[-1], *self._rates)))
            x = self.size[0] - _RIGHT + 10
            self._screen.write(x, axis[1] - 5, number_text(rates[-1]), self._ink["rate"])


def describe(curves: Curves, epochs: int, intended: np.ndarray | None = None) -> str:
    """Say in plain words what the picture of a run shows, for those who cannot see it.

    Args:
        curves: The run.
        epochs: How many epochs it was to last.
        intended: The learning rate a step that was intended; told where the run's is another.

    Example:
        >>> curves = Curves({"loss": [1.92, 0.11], "val_loss": [0.9, 0.14]}, np.full(90, 0.1))
        >>> for sentence in describe(curves, 2).split(". "):
        ...     print(sentence)
        Training loss falls from 1.92 to 0.11 in 2 epochs, validation loss ends at 0.14
        The learning rate is 0.1 throughout.
    """
    loss, val_loss = (part[_usual(part)] for part in (curves.loss, curves.val_loss))
    if not curves.epochs:
        return "No epoch is trained yet."
    ran = f"{curves.epochs} epoch{'s' * (curves.epochs > 1)}"
    ran += f" of {epochs}" * (curves.epochs < epochs)
    if not len(loss):
        text = f"The run diverged at once: in {ran} its training loss was never a finite number"
    elif curves.diverged:
        text = f"The run diverged: training loss starts at {number_text(loss[0])} and "
        text += f"ends at {number_text(loss[-1])}" if _usual(curves.loss[-1]) else "is lost"
        text += f" in {ran}"
    else:
        verb = "falls" if loss[-1] < loss[0] else "rises"
        if abs(loss[-1] - loss[0]) <= 0.02 * abs(loss[0]):
            verb = "hardly moves,"
        text = (
            f"Training loss {verb} from {number_text(loss[0])} to {number_text(loss[-1])} in {ran}"
        )
        if len(loss) == 1:
            text = f"Training loss is {number_text(loss[0])} after {ran}"
        if len(val_loss):
            text += f", validation loss ends at {number_text(val_loss[-1])}"
    words = [f"{text}.", _describe_rates(curves.learning_rates)]
    rates = curves.learning_rates
    # A rate that an optimizer held has 24 bits.
    if intended is not None and not np.allclose(rates, intended[: len(rates)], rtol=1e-5, atol=0):
        words.append(_describe_rates(intended, "intended rate"))
    return " ".join(filter(None, words))


def _describe_rates(rates: np.ndarray, name: str = "learning rate") -> str:
    rates = rates[_usual(rates)]
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


def _usual(values: Any) -> Any:
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


class _LossTicks(ScalarFormatter):
    """Matplotlib's labels, but 8e5 for 800000, which would run into the name of the axis."""

    def __init__(self) -> None:
        super().__init__(useOffset=False)
        self.set_scientific(False)  # or a factor would stand above the axis

    def __call__(self, x: float, pos: int | None = None) -> str:
        return number_text(x) if abs(x) >= _LONG else super().__call__(x, pos)


def _last(values: np.ndarray) -> str:
    if not len(values):
        return ""
    return number_text(values[-1]) if _usual(values[-1]) else "lost"


def _round_up(value: float) -> float:
    """The next round number: 1, 1.2, 1.5, 2, 3, ... times a power of ten; 0 for what is below 0."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(n * power for n in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10) if n * power >= value)


def _tick_step(epochs: int) -> int:
    """1, 2 or 5 times a power of ten: at most 11 ticks, one at the last epoch if it can be."""
    steps = [n * 10**power for power in range(8) for n in (1, 2, 5)]
    few: list[int] = [step for step in steps if epochs <= 10 * step]
    return next((step for step in few if epochs % step == 0), few[0])


def check_arguments(
    epochs: Any,
    size: Sequence[int] = (760, 460),
    rates: Sequence[float] = (1e-5, 10.0),
    theme: str = "light",
    loss_scale: str = "linear",
) -> None:
    """Raise a ValueError if `CurvesFigure` cannot work with these arguments."""
    if not isinstance(epochs, int | np.integer) or isinstance(epochs, bool) or epochs < 1:
        raise ValueError(f"epochs must be a whole number from 1 on. Received: epochs={epochs!r}.")
    check_theme(theme)
    if loss_scale not in ("linear", "log"):
        raise ValueError(
            f'loss_scale must be "linear" or "log". Received: loss_scale={loss_scale!r}.'
        )
    if len(size) != 2 or size[0] < 700 or size[1] < 320:
        raise ValueError(
            "size must be a width of at least 700 and a height of at least 320 pixels, or labels "
            f"overlap. Received: size={size!r}."
        )
    if len(rates) != 2 or not 0 < 10 * rates[0] <= rates[1] < math.inf:
        raise ValueError(
            "rates must be the lowest and the highest learning rate of the axis, above 0 and a "
            f"factor of 10 or more apart. Received: rates={rates!r}."
        )
