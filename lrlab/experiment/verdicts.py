"""What to make of a run: too low, good, noisy, stuck or diverged, and why.

Too high a rate and too low a one can end at the same loss, so the last loss alone says nothing. The
rules below look at how the loss got there and at how far the weights moved. Their thresholds were
chosen on runs of SGD, SGD with momentum and Adam over digits, moons, spirals and diabetes, and are
held to a table of them in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np

Verdict: TypeAlias = Literal["too low", "good", "noisy", "stuck", "diverged"]

# Shares of the loss of the untrained model, or of its size where a loss is negative.
_DIVERGED = 0.5  # above it
_LITTLE_PROGRESS = 0.25
_MOVED_FAR = 0.5  # of the length of the first weights
_HARDLY = 0.02  # of that loss, and of that length
_UPS = 0.05  # of the whole descent
_NEARLY_THERE = 0.1  # of the loss of the untrained model
_STILL_FALLING = 0.2  # of the progress so far, had the training gone on at its pace per rate
_ENOUGH_TO_TELL = 0.005  # of the whole training, in learning rates added up


def judge(
    losses: Sequence[float], start_loss: float, learning_rates: np.ndarray, moved: float
) -> tuple[Verdict, str]:
    """Judge a run by its training.

    Args:
        losses: The training loss of each epoch.
        start_loss: That of the untrained model.
        learning_rates: The rate of every step.
        moved: How far the weights went, as a share of the length of the first ones.

    Returns:
        The verdict and its reason, a sentence or two.
    """
    last = losses[-1]
    broken = [epoch for epoch, loss in enumerate(losses, 1) if not math.isfinite(loss)]
    if broken:
        return "diverged", (
            f"The loss stopped being a number in epoch {broken[0]}: each step overshot further "
            "than the one before. Lower the rate."
        )
    size = abs(start_loss)
    if last - start_loss > _DIVERGED * size:
        return "diverged", (
            f"The loss rose from {start_loss:.3g} to {last:.3g}: the steps overshoot. Lower the "
            "rate."
        )
    progress = start_loss - last
    path = [start_loss, *losses]
    idle = progress < _HARDLY * size and moved < _HARDLY
    ups = sum(max(0.0, after - before) for before, after in pairwise(losses))
    jumps = ups > _UPS * max(start_loss - min(path), _HARDLY * size)
    falling = progress > 0 and _still_falling(path, learning_rates) > _STILL_FALLING * progress
    thrown = max(losses) > start_loss + _HARDLY * size
    # With large targets the weights go far at a low rate too, but then the loss falls steadily.
    steadily = falling and not jumps and not thrown
    if progress < _LITTLE_PROGRESS * size and moved > _MOVED_FAR and not steadily:
        return "stuck", (
            f"The loss, {start_loss:.3g} before training, is {last:.3g} after it, though the "
            f"weights moved by {moved:.0%} of their length: large steps threw them to where the "
            "network hardly learns. Lower the rate."
        )
    if jumps and not idle:
        return "noisy", (
            f"The loss jumps up between epochs, by {ups:.3g} in all, and ends at {last:.3g}: the "
            "steps are too long to settle. Lower the rate, or let it decay."
        )
    if not idle and progress <= 0:
        return "stuck", (
            f"The loss did not fall: it was {start_loss:.3g} before training and is {last:.3g} "
            "after it. Lower the rate."
        )
    if idle or (abs(last) > _NEARLY_THERE * size and falling):
        slowed = learning_rates[-1] < 0.5 * learning_rates.max()
        return "too low", (
            f"The loss came from {start_loss:.3g} to {last:.3g} and had further to fall, "
            + (
                "but the rate became too low to take it there. Let it decay later or less."
                if slowed
                else "but each step is short. A higher rate gets there sooner."
            )
        )
    return "good", f"The loss fell from {start_loss:.3g} to {last:.3g} and has begun to level off."


def _still_falling(path: Sequence[float], learning_rates: np.ndarray) -> float:
    """How far the loss would fall in as much training again, at its last pace.

    The pace is counted per unit of learning rate, not per epoch, so that a rate that decayed to
    nothing does not pass for a loss that levelled off.
    """
    epochs = len(path) - 1
    by_epoch = np.array([rates.sum() for rates in np.array_split(learning_rates, epochs)])
    window = max(1, epochs // 3)
    while by_epoch[-window:].sum() < _ENOUGH_TO_TELL * by_epoch.sum():
        window += 1
    recent = by_epoch[-window:].sum()
    if recent == 0:
        return 0.0
    return float((path[-1 - window] - path[-1]) / recent * by_epoch.sum())
