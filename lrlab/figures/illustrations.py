"""Pictures that explain: a step on a bowl, the parts of a schedule, schedules and losses compared.

They are drawn once, for reading; what moves with a slider is in `figures` and the explorers. Each
is a `Picture`, which knows in words what it shows.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from PIL import Image

from lrlab.figures.ink import FONT, THEMES
from lrlab.figures.picture import Picture
from lrlab.schedules import Schedule, StepDecay, preview

__all__ = [
    "Picture",
    "losses_over_epochs",
    "schedule_anatomy",
    "schedules_side_by_side",
    "step_decay_parts",
    "step_on_a_bowl",
]

_INK = THEMES["light"]
_WIDTH = 760  # pixels
_ARROW = {"arrowstyle": "-|>", "lw": 2.5, "mutation_scale": 16, "shrinkA": 0, "shrinkB": 0}
_BRACKET = {"arrowstyle": "<->", "color": _INK["text"], "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
# Told apart by dashes and marks too; the first are the widest, so that none hides another.
_CURVES: tuple[dict[str, Any], ...] = (
    {"color": _INK["validation"], "ls": (0, (1, 1.2)), "lw": 3, "marker": "s", "ms": 9},
    {"color": _INK["text"], "ls": (0, (4, 2)), "lw": 2, "marker": "^", "ms": 7},
    {"color": _INK["training"], "ls": "-", "lw": 2.5, "marker": "o", "ms": 5},
    {"color": _INK["pins"][0], "ls": (0, (4, 1, 1, 1)), "lw": 2, "marker": "x", "ms": 7},
)
_LOSSES = {"loss": "training loss", "val_loss": "validation loss"}


def step_on_a_bowl(
    learning_rate: float = 0.5, weight: float = 1.6, curvature: float = 1.0
) -> Picture:
    """Draw one step of gradient descent on the loss curvature * weight ** 2 / 2.

    Args:
        learning_rate: How far the step goes for a gradient of 1.
        weight: Where it begins, above 0 and at most 2.
        curvature: The second derivative of the loss, above 0.

    Example:
        >>> print(step_on_a_bowl(learning_rate=0.5, weight=1.6))
        A bowl: the loss over one weight. At weight 1.6 the slope, the gradient, is 1.6. An arrow \
goes down the slope by learning rate × gradient = 0.5 × 1.6 = 0.8, to weight 0.8.
    """
    gradient = curvature * weight
    step = learning_rate * gradient
    after = weight - step

    def loss(w: Any) -> Any:
        return curvature * w**2 / 2

    top = loss(2.2)
    figure, (axes,) = _figure(340)
    w = np.linspace(-2.2, 2.2, 200)
    axes.plot(w, loss(w), color=_INK["faint"], lw=1.5)
    near = np.array([weight - 0.55, min(weight + 0.45, 2.2)])
    slope = loss(weight) + gradient * (near - weight)
    axes.plot(near, slope, color=_INK["validation"], lw=3, ls=(0, (3, 1)))
    level = -0.12 * top
    for place, marker in ((weight, "s"), (after, "D")):
        axes.plot([place, place], [level, loss(place)], color=_INK["faint"], lw=1, ls=":")
        axes.plot(place, loss(place), marker, color=_INK["training"], ms=9)
    arrow = _ARROW | {"color": _INK["training"]}
    axes.annotate("", xy=(after, level), xytext=(weight, level), arrowprops=arrow)
    texts = (
        (weight - 0.15, loss(weight) + 0.02 * top, f"slope = gradient = {gradient:.3g}", "right"),
        (after - 0.12, level - 0.01 * top, f"new weight = {weight:.3g} − {step:.3g}", "right"),
        (2.2, level - 0.17 * top, _step_in_words(learning_rate, gradient, step), "right"),
    )
    for x, y, words, side in texts:
        axes.text(x, y, words, color=_INK["text"], ha=side, va="center", **FONT)
    axes.set(xlim=(-2.3, 2.3), ylim=(-0.36 * top, top), xlabel="weight", ylabel="loss")
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
    return Picture(
        _png(figure),
        f"A bowl: the loss over one weight. At weight {weight:.3g} the slope, the gradient, is "
        f"{gradient:.3g}. An arrow goes down the slope by "
        f"{_step_in_words(learning_rate, gradient, step).removeprefix('step = ')}, to weight "
        f"{after:.3g}.",
    )


def _step_in_words(learning_rate: float, gradient: float, step: float) -> str:
    return f"step = learning rate × gradient = {learning_rate:.3g} × {gradient:.3g} = {step:.3g}"


def schedule_anatomy(
    *,
    initial_learning_rate: float = 0.1,
    warmup_target: float = 0.5,
    warmup_epochs: int = 3,
    decay_epochs: int = 12,
    alpha: float = 0.1,
    steps_per_epoch: int = 45,
) -> Picture:
    """Draw the parts of a schedule: Keras's `CosineDecay` with a warm-up, and a few epochs more.

    Args:
        initial_learning_rate: As for `keras.optimizers.schedules.CosineDecay`, and so are
            `warmup_target` and `alpha`.
        warmup_target: See above.
        warmup_epochs: In epochs what `warmup_steps` is in steps.
        decay_epochs: In epochs what `decay_steps` is in steps.
        alpha: See above.
        steps_per_epoch: Batches an epoch.

    Example:
        >>> print(schedule_anatomy())
        The learning rate over epochs 0 to 18, and over steps 0 to 810. First rate 0.1. Warm-up of \
3 epochs, 135 steps, to the highest rate, 0.5. Decay of 12 epochs, 540 steps, along half a cosine \
to the last rate, 0.1 × 0.5 = 0.05, which stays.
    """
    from lrlab.backend import keras

    warm, decay = warmup_epochs * steps_per_epoch, decay_epochs * steps_per_epoch
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate, decay, alpha, warmup_target=warmup_target, warmup_steps=warm
    )
    peak, end = float(warmup_epochs), float(warmup_epochs + decay_epochs)
    epochs = int(end) + max(1, decay_epochs // 4)
    last = alpha * warmup_target
    rates = preview(schedule, epochs, steps_per_epoch)

    figure, (axes,) = _figure(340)
    axes.plot(np.arange(len(rates)) / steps_per_epoch, rates, color=_INK["training"], lw=3)
    high = 1.35 * warmup_target
    for left, right, words in (
        (0.0, peak, f"warm-up\n{warm} steps"),
        (peak, end, f"decay\ndecay_steps = {decay_epochs} epochs × {steps_per_epoch} = {decay}"),
    ):
        level = 1.08 * warmup_target
        axes.annotate("", xy=(left, level), xytext=(right, level), arrowprops=_BRACKET)
        style = {"ha": "center", "va": "bottom", "color": _INK["text"], **FONT}
        axes.text((left + right) / 2, 1.11 * warmup_target, words, **style)
    for epoch in (peak, end):
        axes.axvline(epoch, ymax=0.8, color=_INK["faint"], lw=1, ls=":")
    gap = 0.02 * epochs
    style = {"va": "center", "color": _INK["text"], **FONT}
    axes.text(gap, initial_learning_rate * 0.7, f"first rate {initial_learning_rate:g}", **style)
    words = f"highest rate\n{warmup_target:g}"
    axes.text(peak + gap / 2, 0.74 * warmup_target, words, **style)
    words = f"last rate {last:.3g}"
    axes.text(end + gap / 2, last + 0.09 * high, words, **style)
    axes.set(xlim=(0, epochs), ylim=(0, high), xlabel="epoch", ylabel="learning rate")
    _count_steps(axes, epochs, steps_per_epoch)
    return Picture(
        _png(figure),
        f"The learning rate over epochs 0 to {epochs}, and over steps 0 to {len(rates)}. First "
        f"rate {initial_learning_rate:g}. Warm-up of {warmup_epochs} epochs, {warm} steps, to the "
        f"highest rate, {warmup_target:g}. Decay of {decay_epochs} epochs, {decay} steps, along "
        f"half a cosine to the last rate, {alpha:g} × {warmup_target:g} = {last:.3g}, which stays.",
    )


def step_decay_parts(first_rate: float = 0.01, factor: float = 0.1, interval: int = 5) -> Picture:
    """Draw the parts of a step decay, and what its formula gives before and after two drops.

    Args:
        first_rate: The rate of the first epochs, above 0.
        factor: What the rate is multiplied by at a drop, above 0 and below 1.
        interval: Epochs from one drop to the next.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> for sentence in step_decay_parts().alt.split(". "):
        ...     print(sentence)
        The learning rate over epochs 0 to 15, a staircase on a logarithmic axis
        The first rate is 0.01, the factor 0.1, the interval 5 epochs
        From epoch 0: epoch // 5 = 0, 0.01 × 0.1 ** 0 = 0.01
        From epoch 5: epoch // 5 = 1, 0.01 × 0.1 ** 1 = 0.001
        From epoch 10: epoch // 5 = 2, 0.01 × 0.1 ** 2 = 0.0001.
    """
    decay = StepDecay(first_rate, factor, interval)
    if decay.decay_factor == 1:
        raise ValueError(
            "`factor` must be below 1, or there are no drops to draw. "
            f"Received: factor={factor!r}. 0.5 halves the rate."
        )
    starts = [drops * decay.epochs_per_drop for drops in range(3)]
    rates = [decay(epoch) for epoch in starts]
    end = 3 * decay.epochs_per_drop
    figure, (axes,) = _figure(340)
    axes.step([*starts, end], [*rates, rates[-1]], where="post", color=_INK["training"], lw=3)

    def write(epoch: float, drops: float, words: str, side: str, above: str = "center") -> None:
        level = first_rate * factor**drops  # a whole number of drops is a step of the staircase
        axes.text(epoch, level, words, ha=side, va=above, color=_INK["text"], **FONT)

    gap, half = 0.012 * end, interval / 2
    span = f"{interval} epoch{'s' if interval > 1 else ''}"
    formulas = []
    for drops, (start, rate) in enumerate(zip(starts, rates, strict=True)):
        count = f"epoch // {interval} = {drops}"
        formula = f"{first_rate:g} × {factor:g} ** {drops} = {rate:.3g}"
        formulas.append(f"From epoch {start}: {count}, {formula}.")
        lines = formula if len(formula) < 26 else formula.replace(" = ", "\n= ")
        write(start + half, drops - 0.12, f"{count}\n{lines}", "center", "bottom")
    write(gap, 0.24, f"first rate: {first_rate:g}", "left")
    for drops in (1, 2):
        write(starts[drops] - gap, drops - 0.32, f"factor: × {factor:g}", "right")
    low = first_rate * factor**2.45
    axes.annotate("", xy=(0, low), xytext=(interval, low), arrowprops=_BRACKET)
    write(half, 2.38, f"interval: {span}", "center", "bottom")
    limits = first_rate * factor**2.7, first_rate * factor**-0.85
    axes.set(xlim=(0, end), yscale="log", ylim=limits, xlabel="epoch")
    axes.set_ylabel("learning rate (log scale)")
    axes.set_xticks([*starts, end])
    axes.set_yticks(rates, [f"{rate:.3g}" for rate in rates])
    axes.yaxis.set_minor_locator(NullLocator())
    return Picture(
        _png(figure),
        f"The learning rate over epochs 0 to {end}, a staircase on a logarithmic axis. The first "
        f"rate is {first_rate:g}, the factor {factor:g}, the interval {span}. "
        f"{' '.join(formulas)}",
    )


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
    figure, (axes,) = _figure(360)
    for (name, history), style in zip(histories.items(), _CURVES, strict=False):
        losses = np.asarray(history.get(key, ()), dtype=float)
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
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(range(0, longest + 1, max(1, longest // 5)))
    wide = sum(len(name) + 10 for name in histories) > 90  # a name has its line before it
    figure.legend(
        loc="outside upper center",
        ncols=2 if wide else len(histories),
        frameon=False,
        handlelength=4,
        labelcolor=_INK["text"],
        prop=FONT,
    )
    return Picture(
        _png(figure),
        f"The {name_of_loss} over {longest} epochs, on a logarithmic axis. {' '.join(words)}",
    )


def schedules_side_by_side(
    schedules: Mapping[str, Schedule], epochs: int, steps_per_epoch: int
) -> Picture:
    """Draw the learning rate of each schedule in a small picture of its own, four in a row.

    Args:
        schedules: By name, whatever `lrlab.preview` takes.
        epochs: How many epochs.
        steps_per_epoch: Batches an epoch.

    Example:
        >>> print(
        ...     schedules_side_by_side({"constant": 0.1, "halved": lambda e: 0.2 / (e + 1)}, 2, 3)
        ... )
        The learning rate over 2 epochs. constant: from 0.1 to 0.1. halved: from 0.2 to 0.1.
    """
    rows = -(-len(schedules) // 4)
    figure, panels = _figure(60 + 150 * rows, rows=rows, columns=min(4, len(schedules)))
    words, highest = [], 0.0
    for axes, (name, schedule) in zip(panels, schedules.items(), strict=False):
        rates = preview(schedule, epochs, steps_per_epoch)
        axes.plot(np.arange(len(rates)) / steps_per_epoch, rates, color=_INK["training"], lw=2)
        axes.set_title(name, color=_INK["text"], **FONT)
        highest = max(highest, rates.max())
        top = int(rates.argmax())
        over = f" over {rates[top]:.3g} in epoch {top // steps_per_epoch}"
        rises = over if rates[top] > 1.001 * max(rates[0], rates[-1]) else ""
        words.append(f"{name}: from {rates[0]:.3g}{rises} to {rates[-1]:.3g}.")
    for number, axes in enumerate(panels):
        axes.set(xlim=(0, epochs), ylim=(-0.03 * highest, 1.08 * highest))
        axes.set_visible(number < len(schedules))
        axes.set_xticks(range(0, epochs + 1, max(1, epochs // 3)))
    figure.supxlabel("epoch", color=_INK["text"], **FONT)
    figure.supylabel("learning rate", color=_INK["text"], **FONT)
    return Picture(_png(figure), f"The learning rate over {epochs} epochs. {' '.join(words)}")


def _figure(height: int, *, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Axes row by row, in a figure with room for their labels."""
    figure = Figure(figsize=(_WIDTH / 100, height / 100), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel().tolist()
    for axes in panels:
        axes.set_axisbelow(True)
        axes.grid(visible=True, color=_INK["grid"], lw=0.8)
        small = len(panels) > 1
        axes.tick_params(color=_INK["faint"], labelcolor=_INK["text"], labelsize=9 if small else 11)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(color=_INK["text"], **FONT)
        for side, spine in axes.spines.items():
            spine.set(visible=side in ("left", "bottom"), color=_INK["faint"])
    return figure, panels


def _count_steps(axes: Axes, epochs: int, steps_per_epoch: int) -> None:
    """Name the same places in steps, along the upper edge."""
    above, ticks = axes.twiny(), range(0, epochs + 1, 3)
    axes.set_xticks(ticks)
    above.set_xlim(0, epochs * steps_per_epoch)
    above.set_xticks([epoch * steps_per_epoch for epoch in ticks])
    above.set_xlabel("step (batches so far)", color=_INK["text"], **FONT)
    above.tick_params(color=_INK["faint"], labelcolor=_INK["text"], labelsize=11)
    for side, spine in above.spines.items():
        spine.set(visible=side == "top", color=_INK["faint"])


def _png(figure: Figure) -> bytes:
    """Few colours, so that a notebook stays small."""
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor=_INK["background"])
    image = Image.open(file).convert("RGB").quantize(64)
    small = io.BytesIO()
    image.save(small, "png", optimize=True)
    return small.getvalue()
