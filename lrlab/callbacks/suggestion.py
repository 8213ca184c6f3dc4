"""What the losses of a range test say about a good learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lrlab.checks import as_number

# Whether a loss fell is judged by this smoothing, whatever smoothing the suggestion is read from:
# it averages about so many losses, (1 + amount) / (1 - amount).
_AMOUNT, _LOSSES = 0.8, 9
# How many standard errors a loss has to fall by. Of 1,500 series of losses drawn from one normal
# distribution, 0.9 % of those of 14 or 45 losses fall so far, 1.8 % of 100, 2.2 % of 300: their
# lowest place is chosen from many.
_CLEAR = 3.5


def smooth(losses: Sequence[float] | np.ndarray, amount: float) -> np.ndarray:
    """Return the exponential moving average of losses.

    Each average is `amount` times the one before it plus `1 - amount` times the loss, divided by
    the sum of the weights so far, so that it starts at the first loss.

    Args:
        losses: A loss a step, shape (steps,).
        amount: From 0, which leaves the losses as they are, to just below 1.

    Raises:
        ValueError: If the amount is out of its range.

    Example:
        >>> smooth([4.0, 1.0, 1.0], 0.5).tolist()
        [4.0, 2.0, 1.4285714285714286]
    """
    amount = as_smoothing(amount, "amount")
    average, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        average = amount * average + (1 - amount) * loss
        weight = amount * weight + (1 - amount)
        smoothed.append(average / weight)
    return np.array(smoothed)


def suggest(
    learning_rates: Sequence[float] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    smoothing: float,
) -> tuple[float | None, str]:
    """Suggest a learning rate from the losses of a range test, and say why.

    The rule: a tenth of the rate at which the smoothed loss is lowest. There the loss is about to
    rise; a tenth keeps clear of that, for a training that lasts.

    But only where the loss fell by more than the scatter of the batches explains, see `_fall`:
    otherwise the lowest loss is that of a lucky batch, and its rate says nothing.

    Returns:
        The rate, or None for none; and the reason.

    Example:
        >>> rates = np.geomspace(0.001, 10, 9)
        >>> losses = [2.0, 2.1, 2.0, 1.9, 1.5, 1.0, 0.5, 0.4, 9.0]
        >>> rate, reason = suggest(rates, losses, smoothing=0.0)
        >>> round(rate, 2)
        0.32
        >>> reason.endswith("a tenth of that keeps clear of where it rises.")
        True
    """
    losses, smoothed = np.asarray(losses, dtype=float), smooth(losses, smoothing)
    if not np.isfinite(smoothed).any():
        return None, "No suggestion: no batch has a finite loss. Start lower."
    best = _lowest(smoothed)
    rate, least = float(learning_rates[best]), smoothed[best]
    start, fall, error = _fall(losses)
    if fall <= 1e-9 * abs(start):  # a mean of equal losses is not always equal to them
        return None, "No suggestion: the loss never fell. Test other rates, or smooth less."
    if fall <= _CLEAR * error:
        return None, (
            f"No suggestion: the loss fell by {fall:.2g}, which the scatter of the batches may "
            "explain. Test with more steps, larger batches or higher rates."
        )
    if start - least <= error:
        return None, "No suggestion: so smooth, the loss hardly fell. Smooth less."
    reason = f"The smoothed loss is lowest, {least:.3g}, at a rate of {rate:.3g}; "
    after = smoothed[best:]
    if np.isfinite(after).all() and after.max() - least <= _CLEAR * error:
        last = float(learning_rates[len(losses) - 1])
        return rate / 10, f"{reason}up to {last:.3g} it did not rise, so test higher rates too."
    return rate / 10, f"{reason}a tenth of that keeps clear of where it rises."


def as_smoothing(value: Any, name: str) -> float:
    """Return an amount of smoothing as a float, or raise a ValueError."""
    number = as_number(value)
    if not 0 <= number < 1:
        raise ValueError(
            f"`{name}` must be at least 0, which smooths nothing, and below 1. "
            f"Received: {name}={value!r}. 0.8 is usual."
        )
    return number


def _lowest(smoothed: np.ndarray) -> int:
    return int(np.argmin(np.where(np.isfinite(smoothed), smoothed, np.inf)))


def _fall(losses: np.ndarray) -> tuple[float, float, float]:
    """Return where losses start, how far they fall from there, and that fall's standard error.

    From the mean of the first losses, up to 9 and no more than half of those before the lowest
    place, to the lowest of the losses smoothed by 0.8. The scatter of a loss is taken from the
    differences between neighbours, whose median size is 0.6745 * sqrt(2) standard deviations:
    neither the fall itself nor an explosion at the end counts for much there.
    """
    smoothed = smooth(losses, _AMOUNT)
    best = _lowest(smoothed)
    first = min(_LOSSES, max((best + 1) // 2, 1))
    differences = np.abs(np.diff(losses[np.isfinite(losses)]))
    scatter = np.median(differences) / (0.6745 * np.sqrt(2)) if len(differences) else np.inf
    start = float(np.mean(losses[:first]))
    error = scatter * np.sqrt(1 / first + 1 / min(best + 1, _LOSSES))
    return start, start - float(smoothed[best]), float(error)
