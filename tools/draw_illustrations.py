"""Draw the illustrations of the notebooks, and store them in the cells that show them.

Some are in a page of Markdown, too: their files go into `docs/`, their words into the page.

Usage: python tools/draw_illustrations.py

A picture stands in its cell as a data URI: a notebook that is copied alone keeps it, and Colab
shows it. (Attachments of a cell Colab does not show.)
"""

import base64
import functools
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lrlab.backend import keras

import nbformat
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import NullLocator

import lrlab
from lrlab.course import PATH
from lrlab.figures import Picture
from lrlab.figures.comparisons import new_panels
from lrlab.figures.ink import FONT
from lrlab.figures.ink import STILL as INK

REPOSITORY = Path(__file__).resolve().parent.parent
ARROW = {"arrowstyle": "-|>", "lw": 2.5, "mutation_scale": 16, "shrinkA": 0, "shrinkB": 0}
BRACKET = {"arrowstyle": "<->", "color": INK["text"], "lw": 1.2, "shrinkA": 0, "shrinkB": 0}


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
    figure, (axes,) = new_panels(340)
    w = np.linspace(-2.2, 2.2, 200)
    axes.plot(w, loss(w), color=INK["faint"], lw=1.5)
    near = np.array([weight - 0.55, min(weight + 0.45, 2.2)])
    slope = loss(weight) + gradient * (near - weight)
    axes.plot(near, slope, color=INK["validation"], lw=3, ls=(0, (3, 1)))
    level = -0.12 * top
    for place, marker in ((weight, "s"), (after, "D")):
        axes.plot([place, place], [level, loss(place)], color=INK["faint"], lw=1, ls=":")
        axes.plot(place, loss(place), marker, color=INK["training"], ms=9)
    arrow = ARROW | {"color": INK["training"]}
    axes.annotate("", xy=(after, level), xytext=(weight, level), arrowprops=arrow)
    texts = (
        (weight - 0.15, loss(weight) + 0.02 * top, f"slope = gradient = {gradient:.3g}", "right"),
        (after - 0.12, level - 0.01 * top, f"new weight = {weight:.3g} − {step:.3g}", "right"),
        (2.2, level - 0.17 * top, step_in_words(learning_rate, gradient, step), "right"),
    )
    for x, y, words, side in texts:
        axes.text(x, y, words, color=INK["text"], ha=side, va="center", **FONT)
    axes.set(xlim=(-2.3, 2.3), ylim=(-0.36 * top, top), xlabel="weight", ylabel="loss")
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
    return Picture.of(
        figure,
        f"A bowl: the loss over one weight. At weight {weight:.3g} the slope, the gradient, is "
        f"{gradient:.3g}. An arrow goes down the slope by "
        f"{step_in_words(learning_rate, gradient, step).removeprefix('step = ')}, to weight "
        f"{after:.3g}.",
    )


def step_in_words(learning_rate: float, gradient: float, step: float) -> str:
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
    warm, decay = warmup_epochs * steps_per_epoch, decay_epochs * steps_per_epoch
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate, decay, alpha, warmup_target=warmup_target, warmup_steps=warm
    )
    peak, end = float(warmup_epochs), float(warmup_epochs + decay_epochs)
    epochs = int(end) + max(1, decay_epochs // 4)
    last = alpha * warmup_target
    rates = lrlab.preview(schedule, epochs, steps_per_epoch)

    figure, (axes,) = new_panels(340)
    axes.plot(np.arange(len(rates)) / steps_per_epoch, rates, color=INK["training"], lw=3)
    high = 1.35 * warmup_target
    for left, right, words in (
        (0.0, peak, f"warm-up\n{warm} steps"),
        (peak, end, f"decay\ndecay_steps = {decay_epochs} epochs × {steps_per_epoch} = {decay}"),
    ):
        level = 1.08 * warmup_target
        axes.annotate("", xy=(left, level), xytext=(right, level), arrowprops=BRACKET)
        style = {"ha": "center", "va": "bottom", "color": INK["text"], **FONT}
        axes.text((left + right) / 2, 1.11 * warmup_target, words, **style)
    for epoch in (peak, end):
        axes.axvline(epoch, ymax=0.8, color=INK["faint"], lw=1, ls=":")
    gap = 0.02 * epochs
    style = {"va": "center", "color": INK["text"], **FONT}
    axes.text(gap, initial_learning_rate * 0.7, f"first rate {initial_learning_rate:g}", **style)
    words = f"highest rate\n{warmup_target:g}"
    axes.text(peak + gap / 2, 0.74 * warmup_target, words, **style)
    words = f"last rate {last:.3g}"
    axes.text(end + gap / 2, last + 0.09 * high, words, **style)
    axes.set(xlim=(0, epochs), ylim=(0, high), xlabel="epoch", ylabel="learning rate")
    count_steps(axes, epochs, steps_per_epoch)
    return Picture.of(
        figure,
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
    decay = lrlab.StepDecay(first_rate, factor, interval)
    if decay.decay_factor == 1:
        raise ValueError(
            "`factor` must be below 1, or there are no drops to draw. "
            f"Received: factor={factor!r}. 0.5 halves the rate."
        )
    starts = [drops * decay.epochs_per_drop for drops in range(3)]
    rates = [decay(epoch) for epoch in starts]
    end = 3 * decay.epochs_per_drop
    figure, (axes,) = new_panels(340)
    axes.step([*starts, end], [*rates, rates[-1]], where="post", color=INK["training"], lw=3)

    def write(epoch: float, drops: float, words: str, side: str, above: str = "center") -> None:
        level = first_rate * factor**drops  # a whole number of drops is a step of the staircase
        axes.text(epoch, level, words, ha=side, va=above, color=INK["text"], **FONT)

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
    axes.annotate("", xy=(0, low), xytext=(interval, low), arrowprops=BRACKET)
    write(half, 2.38, f"interval: {span}", "center", "bottom")
    limits = first_rate * factor**2.7, first_rate * factor**-0.85
    axes.set(xlim=(0, end), yscale="log", ylim=limits, xlabel="epoch")
    axes.set_ylabel("learning rate (log scale)")
    axes.set_xticks([*starts, end])
    axes.set_yticks(rates, [f"{rate:.3g}" for rate in rates])
    axes.yaxis.set_minor_locator(NullLocator())
    return Picture.of(
        figure,
        f"The learning rate over epochs 0 to {end}, a staircase on a logarithmic axis. The first "
        f"rate is {first_rate:g}, the factor {factor:g}, the interval {span}. "
        f"{' '.join(formulas)}",
    )


def count_steps(axes: Axes, epochs: int, steps_per_epoch: int) -> None:
    """Name the same places in steps, along the upper edge."""
    above, ticks = axes.twiny(), range(0, epochs + 1, 3)
    axes.set_xticks(ticks)
    above.set_xlim(0, epochs * steps_per_epoch)
    above.set_xticks([epoch * steps_per_epoch for epoch in ticks])
    above.set_xlabel("step (batches so far)", color=INK["text"], **FONT)
    above.tick_params(color=INK["faint"], labelcolor=INK["text"], labelsize=11)
    for side, spine in above.spines.items():
        spine.set(visible=side == "top", color=INK["faint"])


WHAT_THE_LOSS_DOES = {
    "too low": "falls slowly and still falls at the end",
    "good": "falls fast, then levels off near 0",
    "noisy": "falls, but jumps up between epochs",
    "stuck": "is flat, close to where it began",
    "diverged": "grows and leaves the picture in the first epochs",
}


@functools.cache
def verdict_runs() -> tuple[lrlab.Run, ...]:
    """Train five times, for a verdict each; two other starts have the same ones."""
    digits, diabetes = lrlab.data.digits(), lrlab.data.diabetes()
    one_layer = lrlab.Experiment(lambda: lrlab.models.mlp(digits), digits)
    two_layers = lrlab.Experiment(lambda: lrlab.models.mlp(digits, hidden=(32, 32)), digits)
    amounts = lrlab.Experiment(lambda: lrlab.models.linear(diabetes), diabetes)
    return (
        one_layer.run(0.01),
        one_layer.run(0.3),
        two_layers.run(0.8, seed=2),
        one_layer.run(3.0),
        amounts.run(0.25),
    )


def five_verdicts() -> Picture:
    """Draw the training loss of a run for each verdict, in a small picture of its own.

    Example:
        >>> for sentence in five_verdicts().alt.split(". ")[:2]:
        ...     print(sentence)
        Five small pictures of a training loss over 15 epochs, divided by the loss at the start
        Too low: the loss falls slowly and still falls at the end
    """
    figure, panels = new_panels(190, columns=5)
    words = []
    for axes, run in zip(panels, verdict_runs(), strict=True):
        losses = np.array([run.start_loss, *run.history["loss"]]) / run.start_loss
        axes.plot(losses, color=INK["training"], lw=2)
        axes.set_title(run.verdict, color=INK["text"], **FONT)
        axes.set(xlim=(0, len(losses) - 1), ylim=(0, 1.6), xticks=(0, 5, 10, 15), yticks=(0, 1))
        verdict = run.verdict.capitalize()
        words.append(f"{verdict}: the loss {WHAT_THE_LOSS_DOES[run.verdict]}.")
    figure.supxlabel("epoch", color=INK["text"], **FONT)
    figure.supylabel("loss ÷ first loss", color=INK["text"], **FONT)
    return Picture.of(
        figure,
        "Five small pictures of a training loss over 15 epochs, divided by the loss at the start. "
        f"{' '.join(words)}",
    )


KINDS = {
    "How": ("the path, in this order", INK["training"], 2.5),
    "Why": ("beside it, if you want to know more", INK["pins"][1], 1.2),
    "More": ("larger tasks, and the page for errors", INK["pins"][2], 1.2),
}


def the_path() -> Picture:
    """Draw the notebooks by kind, in the order in which one leads to the next.

    Example:
        >>> for sentence in the_path().alt.split(". ")[:2]:
        ...     print(sentence)
        The notebooks in three rows
        How (the path, in this order): 00 start here, 02 setting the learning rate, 03 step decay, \
07 finding a learning rate, 12 your own model
    """
    figure, (axes,) = new_panels(330)
    most = max(map(len, PATH.values()))
    words = []
    for row, (kind, names) in enumerate(PATH.items()):
        about, colour, width = KINDS[kind]
        style = {"color": INK["text"], "ha": "left", "va": "bottom", **FONT}
        axes.text(0, -row - 0.26, f"$\\bf{{{kind}}}$: {about}", **style)
        shown = [name.replace("_", " ") for name in names]
        words.append(f"{kind} ({about}): {', '.join(shown)}.")
        for column, name in enumerate(shown):
            lines = textwrap.fill(name, 12, break_long_words=False)
            box = {"boxstyle": "round,pad=0.2", "fc": "none", "ec": colour, "lw": width}
            axes.add_patch(
                FancyBboxPatch((column, -row - 0.9), 0.8, 0.52, mutation_scale=0.1, **box)
            )
            style = {"color": INK["text"], "ha": "center", "va": "center", **FONT, "size": 8.5}
            axes.text(column + 0.4, -row - 0.64, lines, **style)
            if column:
                here, there = (column - 0.17, -row - 0.64), (column - 0.03, -row - 0.64)
                axes.annotate(
                    "", xy=there, xytext=here, arrowprops=ARROW | {"color": colour, "lw": width}
                )
    axes.set(xlim=(-0.05, most - 0.15), ylim=(-len(PATH) - 0.02, 0))
    axes.set_axis_off()
    return Picture.of(figure, f"The notebooks in three rows. {' '.join(words)}")


# By the notebook and the cell that show it.
ILLUSTRATIONS: dict[tuple[str, str], Callable[[], Picture]] = {
    ("00_start_here.ipynb", "way-two-parts"): step_decay_parts,
    ("00_start_here.ipynb", "path-picture"): the_path,
    ("01_what_is_a_learning_rate.ipynb", "step"): step_on_a_bowl,
    ("04_schedules.ipynb", "anatomy"): schedule_anatomy,
    ("12_your_own_model.ipynb", "verdicts"): five_verdicts,
}


# By the file in docs/: the page of Markdown that shows it, and what draws it.
OF_PAGES: dict[str, tuple[str, Callable[[], Picture]]] = {
    "five_verdicts.png": ("docs/one_hour.md", five_verdicts),
    "path.png": ("README.md", the_path),
}


def as_markdown(picture: Picture) -> str:
    file = base64.b64encode(picture.png).decode()
    return f"![{picture.alt}](data:image/png;base64,{file})"


def main() -> int:
    for (name, cell_id), draw in ILLUSTRATIONS.items():
        path = REPOSITORY / "notebooks" / name
        notebook = nbformat.read(path, as_version=4)
        (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
        picture = draw()
        cell.source = as_markdown(picture)
        nbformat.write(notebook, path)
        print(f"{name}, cell {cell_id}: {len(picture.png) / 1000:.0f} kB")
    for file, (name, draw) in OF_PAGES.items():
        picture, page = draw(), REPOSITORY / name
        (REPOSITORY / "docs" / file).write_bytes(picture.png)
        image = rf"!\[[^\]]*\]\(((?:docs/)?{re.escape(file)})\)"
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(image, rf"![{picture.alt}](\1)", text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
