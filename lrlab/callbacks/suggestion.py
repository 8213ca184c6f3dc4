"""What the losses of a range test say about a good learning rate, by three rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def _at_the_minimum(rates: np.ndarray, fall: np.ndarray) -> float:
    """A tenth of the rate of the lowest loss."""
    return float(rates[-1]) / 10


def _at_the_steepest(rates: np.ndarray, fall: np.ndarray) -> float:
    """The rate of the step after which the loss falls most."""
    return float(rates[np.argmin(np.diff(fall))] if len(fall) > 1 else rates[0])


def _in_the_valley(rates: np.ndarray, fall: np.ndarray) -> float:
    """The rate in the middle of the longest series of steps, each lower than those before it.

    The series ends at the lowest loss, and may leave out steps between. The middle is half as many
    steps before that end as the series has.
    """
    longest = np.ones(len(fall), dtype=int)  # that ends at each step
    for step, loss in enumerate(fall):
        longest[step] += longest[:step][fall[:step] > loss].max(initial=0)
    return float(rates[len(fall) - 1 - longest[-1] // 2])


# What each rule suggests, from the rates and the smoothed losses down to the lowest loss.
RULES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "minimum": _at_the_minimum,
    "steepest": _at_the_steepest,
    "valley": _in_the_valley,
}


def suggest(
    learning_rates: Sequence[float] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    smoothing: float,
) -> tuple[dict[str, float | None], str]:
    """Suggest a learning rate by each rule from the losses of a range test, and say why.

    The rules look at the smoothed losses down to the lowest one, but for the first tenth of all
    steps, where the smoothed loss is the mean of few:

    * minimum: a tenth of the rate at which the loss is lowest. There it is about to rise; a tenth
      keeps clear of that, for a training that lasts.
    * steepest: the rate of the step after which the loss falls most.
    * valley: the rate in the middle of the longest fall, see `_in_the_valley`.

    But only where the loss fell by more than its scatter explains, see `_fall`: otherwise the
    lowest loss is that of a lucky batch, and its rate says nothing.

    Returns:
        The rates by rule, or None for none; and the reason of the minimum.

    Example:
        >>> rates = np.geomspace(0.001, 10, 9)
        >>> losses = [2.0, 2.1, 2.0, 1.9, 1.5, 1.0, 0.5, 0.4, 9.0]
        >>> suggestions, reason = suggest(rates, losses, smoothing=0.0)
        >>> {rule: round(rate, 2) for rule, rate in suggestions.items()}
        {'minimum': 0.32, 'steepest': 0.1, 'valley': 0.1}
        >>> reason.endswith("a tenth of that keeps clear of where it rises.")
        True

    Source: the three are called so by fastai, https://docs.fast.ai/callback.schedule.html. It
    leaves out the first tenth, too; its `valley` rounds up to two steps lower.
    """
    losses, smoothed = np.asarray(losses, dtype=float), smooth(losses, smoothing)
    nothing = dict.fromkeys(RULES)
    if not np.isfinite(smoothed).any():
        return nothing, "No suggestion: no batch has a finite loss. Start lower."
    best = _lowest(smoothed)
    rate, least = float(learning_rates[best]), smoothed[best]
    start, fall, error = _fall(losses)
    if fall <= 1e-9 * abs(start):  # a mean of equal losses is not always equal to them
        return nothing, "No suggestion: the loss never fell. Test other rates, or smooth less."
    if fall <= _CLEAR * error:
        return nothing, (
            f"No suggestion: the loss fell by {fall:.2g}, which the scatter of the batches may "
            "explain. Test with more steps, larger batches or higher rates."
        )
    if start - least <= error:
        return nothing, "No suggestion: so smooth, the loss hardly fell. Smooth less."
    reason = f"The smoothed loss is lowest, {least:.3g}, at a rate of {rate:.3g}; "
    way = slice(min(len(losses) // 10, best), best + 1)
    rates, after = np.asarray(learning_rates, dtype=float)[way], smoothed[best:]
    found: dict[str, float | None] = {r: rule(rates, smoothed[way]) for r, rule in RULES.items()}
    if np.isfinite(after).all() and after.max() - least <= _CLEAR * error:
        last = float(learning_rates[len(losses) - 1])
        return found, f"{reason}up to {last:.3g} it did not rise, so test higher rates too."
    return found, f"{reason}a tenth of that keeps clear of where it rises."


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
