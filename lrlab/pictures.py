"""Pictures that explain: a step on a bowl, the parts of a schedule, schedules side by side.

They are drawn once, for reading; what moves with a slider is in `figures` and the explorers. Each
is a `Picture`, which knows in words what it shows.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lrlab._screen import FONT, THEMES
from lrlab.schedules import Schedule, preview

__all__ = ["Picture", "schedule_anatomy", "schedules_side_by_side", "step_on_a_bowl"]

_INK = THEMES["light"]
_WIDTH = 760  # pixels
_ARROW = {"arrowstyle": "-|>", "lw": 2.5, "mutation_scale": 16, "shrinkA": 0, "shrinkB": 0}


@dataclass(frozen=True)
class Picture:
    """A picture for a notebook, with its text alternative.

    Attributes:
        png: The file.
        words: What it shows, for those who cannot see it.
    """

    png: bytes
    words: str

    def __repr__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Any, Any]:
        """The same file twice: pages take a text alternative from HTML alone."""
        file = base64.b64encode(self.png).decode()
        alt = html.escape(self.words)
        image = f'<img alt="{alt}" width="{_WIDTH}" src="data:image/png;base64,{file}">'
        data = {"image/png": file, "text/html": image, "text/plain": self.words}
        return data, {"image/png": {"width": _WIDTH}}


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
    from lrlab._tensorflow import keras

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
    bracket = {"arrowstyle": "<->", "color": _INK["text"], "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    for left, right, words in (
        (0.0, peak, f"warm-up\n{warm} steps"),
        (peak, end, f"decay\ndecay_steps = {decay_epochs} epochs × {steps_per_epoch} = {decay}"),
    ):
        level = 1.08 * warmup_target
        axes.annotate("", xy=(left, level), xytext=(right, level), arrowprops=bracket)
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
