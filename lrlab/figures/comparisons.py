"""Pictures that compare finished runs: losses over epochs and starts, schedules side by side.

They are drawn once, for reading, and are a `Picture`, which says in words what it shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from lrlab.figures.ink import DASHES, DOTS, FONT, STILL, number_text, result_text
from lrlab.figures.picture import WIDTH, Picture
from lrlab.figures.plot import style_axes
from lrlab.figures.ticks import within_reach

__all__ = ["losses_over_epochs", "new_panels", "schedules_side_by_side", "spread_over_starts"]

# Told apart by dashes and marks too; the first are the widest, so that none hides another.
_CURVES: tuple[dict[str, Any], ...] = (
    {"color": STILL["validation"], "ls": DOTS, "lw": 3, "marker": "s", "ms": 9},
    {"color": STILL["text"], "ls": DASHES, "lw": 2, "marker": "^", "ms": 7},
    {"color": STILL["training"], "ls": "-", "lw": 2.5, "marker": "o", "ms": 5},
    {"color": STILL["pins"][0], "ls": (0, (4, 1, 1, 1)), "lw": 2, "marker": "x", "ms": 7},
)
_MANY_DECADES = 1e8  # in which there is no room for more than the powers of ten
_FEW_TIMES = 8.0  # as far apart as values may be on a linear axis
_MOST_ROWS = 16
_START: dict[str, Any] = {
    "color": STILL["training"],
    "marker": "o",
    "ms": 7,
    "mfc": "none",
    "ls": "",
}
_MEAN: dict[str, Any] = {"color": STILL["validation"], "marker": "|", "ms": 16, "mew": 3, "ls": ""}
_DIVERGED: dict[str, Any] = {"color": STILL["text"], "marker": "x", "ms": 8, "ls": ""}
_LOSSES = {"loss": "training loss", "val_loss": "validation loss"}


def losses_over_epochs(
    histories: Mapping[str, Mapping[str, Sequence[float]]], key: str = "val_loss"
) -> Picture:
    """Draw a loss of each training over the epochs, on a logarithmic axis.

    Args:
        histories: By name, the history of a `Run` or of what `fit` returns; one to four. A loss
            that is not finite, or not above 0, is left out.
        key: Which value of the histories.

    Raises:
        ValueError: If there are none or too many, or one has no loss to draw.

    Example:
        >>> print(losses_over_epochs({"0.1": {"val_loss": [0.8, 0.4]}, "1": {"val_loss": [2, 3]}}))
        The validation loss over 2 epochs, on a logarithmic axis. 0.1: from 0.8 to 0.4. 1: from 2 \
to 3.
    """
    if not 1 <= len(histories) <= len(_CURVES):
        raise ValueError(
            f"`histories` must be one to {len(_CURVES)}: more curves cannot be told apart. "
            f"Received: {len(histories)}. Draw two pictures."
        )
    name_of_loss, words, longest = _LOSSES.get(key, key), [], 0
    figure, (axes,) = new_panels(360)
    for (name, history), style in zip(histories.items(), _CURVES, strict=False):
        losses = within_reach(history.get(key, ()))
        drawn = np.flatnonzero(np.isfinite(losses) & (losses > 0))
        if not drawn.size:
            raise ValueError(
                f"Each history must have a value above 0 under {key!r}. Received: {name!r} with "
                f"{sorted(history)}. Train it with validation data, or choose another key."
            )
        shown = np.full(len(losses), np.nan)
        shown[drawn] = losses[drawn]
        axes.plot(np.arange(1, len(losses) + 1), shown, label=name, clip_on=False, **style)
        longest = max(longest, len(losses))
        words.append(f"{name}: from {shown[drawn[0]]:.2g} to {shown[drawn[-1]]:.2g}.")
    axes.set(xlim=(0, longest), yscale="log", xlabel="epoch", ylabel=f"{name_of_loss} (log scale)")
    _tick_by_ratios(axes.yaxis, *axes.get_ylim())
    axes.set_xticks(range(0, longest + 1, max(1, longest // 5)))
    wide = sum(len(name) + 10 for name in histories) > 90  # a name has its line before it
    figure.legend(
        loc="outside upper center",
        ncols=2 if wide else len(histories),
        frameon=False,
        handlelength=4,
        labelcolor=STILL["text"],
        prop=FONT,
    )
    return Picture.of(
        figure,
        f"The {name_of_loss} over {longest} epochs, on a logarithmic axis. {' '.join(words)}",
    )


def schedules_side_by_side(
    learning_rates: Mapping[str, np.ndarray],
    steps_per_epoch: int,
    label: str = "learning rate",
    *,
    share_axis: bool = True,
) -> Picture:
    """Draw the learning rates of each schedule in a small picture of its own, four in a row.

    Args:
        learning_rates: By name, the rate of every step, as `lrlab.preview` gives it.
        steps_per_epoch: Batches an epoch.
        label: What is drawn.
        share_axis: Whether all have one axis, from 0 on. Without, each has its own, for a rate and
            a momentum, for one.

    Example:
        >>> rates = {"constant": np.full(6, 0.1), "halved": np.repeat([0.2, 0.1], 3)}
        >>> print(schedules_side_by_side(rates, steps_per_epoch=3))
        The learning rate over 2 epochs. constant: from 0.1 to 0.1. halved: from 0.2 to 0.1.
    """
    several, words = len(learning_rates), []
    highest = float(within_reach(max(rates.max() for rates in learning_rates.values())))
    epochs = max(len(rates) for rates in learning_rates.values()) // steps_per_epoch
    rows = -(-several // 4)
    figure, panels = new_panels(
        60 + 150 * rows, rows=rows, columns=min(4, several), share=share_axis
    )
    for axes, (name, rates) in zip(panels, learning_rates.items(), strict=False):
        axes.plot(np.arange(len(rates)) / steps_per_epoch, rates, color=STILL["training"], lw=2)
        axes.set_title(name, color=STILL["text"], **FONT)
        top, ends = int(rates.argmax()), (rates[0], rates[-1])
        if not share_axis and rates[top] == max(ends):
            top = int(rates.argmin())
        over = f" over {rates[top]:.3g} in epoch {top // steps_per_epoch}"
        between = rates[top] > 1.001 * max(ends) or (not share_axis and rates[top] < min(ends))
        words.append(f"{name}: from {rates[0]:.3g}{over if between else ''} to {rates[-1]:.3g}.")
    for number, axes in enumerate(panels):
        axes.set_xlim(0, epochs)
        if share_axis:
            axes.set_ylim(-0.03 * highest, 1.08 * highest)
        axes.set_visible(number < several)
        axes.set_xticks(range(0, epochs + 1, max(1, epochs // 3)))
    figure.supxlabel("epoch", color=STILL["text"], **FONT)
    figure.supylabel(label, color=STILL["text"], **FONT)
    return Picture.of(figure, f"The {label} over {epochs} epochs. {' '.join(words)}")


def spread_over_starts(
    values: Mapping[str, Sequence[float]], label: str = "validation loss"
) -> Picture:
    """Draw what several settings end at: a mark for each start, and a bar at their mean.

    The axis is logarithmic where the values lie far apart.

    Args:
        values: By the name of a setting, a final value from each start; infinite or NaN where the
            training diverged.
        label: What the values are.

    Raises:
        ValueError: If there are none or too many settings, or one has no value.

    Example:
        >>> losses = {"constant": [0.15, 0.18, 0.15], "halved": [0.13, 0.14, float("inf")]}
        >>> for sentence in spread_over_starts(losses).alt.split(". "):
        ...     print(sentence)
        The validation loss from 3 starts
        constant: mean 0.16, each 0.15 0.18 0.15
        halved: mean 0.135, each 0.13 0.14 diverged.
    """
    counts = [len(each) for each in values.values()]
    if not 1 <= len(values) <= _MOST_ROWS or 0 in counts:
        raise ValueError(
            f"`values` must be one to {_MOST_ROWS} settings with a value or more each. "
            f"Received: {counts} values. Draw two pictures, or give each setting a run."
        )
    figure, (axes,) = new_panels(100 + 26 * len(values))
    lost_at: dict[str, Any] = {
        "transform": axes.get_yaxis_transform(),
        "clip_on": False,
    }  # at the right side
    words: list[str] = []
    drawn: list[float] = []
    for row, (name, each) in enumerate(values.items()):
        numbers = within_reach(np.asarray(each, float))
        kept = numbers[np.isfinite(numbers)]
        drawn.extend(kept)
        if kept.size:
            axes.plot([kept.min(), kept.max()], [row, row], color=STILL["text"], lw=1.5)
            axes.plot(kept, np.full(kept.size, row), label="a start", **_START)
            axes.plot(kept.mean(), row, label="their mean", **_MEAN)
        if kept.size < numbers.size:
            axes.plot(1, row, label="diverged", **_DIVERGED, **lost_at)
        mean = f"mean {result_text(kept.mean())}, " if kept.size else ""
        said = [result_text(value) if np.isfinite(value) else "diverged" for value in numbers]
        words.append(f"{name}: {mean}each {' '.join(said)}.")
    axes.set_xlabel(label)
    if drawn and 0 < _FEW_TIMES * min(drawn) < max(drawn):
        axes.set(xscale="log", xlabel=f"{label} (log scale)")
        _tick_by_ratios(axes.xaxis, *axes.get_xlim())
    axes.set(ylim=(len(values) - 0.4, -0.6))
    axes.set_yticks(range(len(values)), list(values))
    marks = {str(mark.get_label()): mark for mark in axes.lines if mark.get_marker() != "None"}
    figure.legend(
        list(marks.values()),
        list(marks),
        loc="outside upper center",
        ncols=len(marks),
        frameon=False,
        labelcolor=STILL["text"],
        prop=FONT,
    )
    starts = f"{counts[0]} starts" if len(set(counts)) == 1 else "several starts"
    return Picture.of(figure, f"The {label} from {starts}. {' '.join(words)}")


def _tick_by_ratios(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis as a person would write them."""
    narrow = high < low * _MANY_DECADES
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axis.set_minor_locator(NullLocator())


def new_panels(
    height: int, *, rows: int = 1, columns: int = 1, share: bool = True
) -> tuple[Figure, list[Axes]]:
    """Axes row by row, in a still figure with room for their labels, so many pixels high."""
    inches = (WIDTH / 100, height / 100)
    figure = Figure(figsize=inches, dpi=100, facecolor="none", layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=share).ravel().tolist()
    for axes in panels:
        axes.set_facecolor("none")
        style_axes(axes, STILL, size=9 if len(panels) > 1 else 11, line=0.8)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(color=STILL["text"], **FONT)
    return figure, panels
