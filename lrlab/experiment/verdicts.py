"""What to make of a run: too low, good, noisy, stuck or diverged, and why.

Too high a rate and too low a one can end at the same loss, so the last loss alone says nothing. The
rules look at how the loss got there, at how far the weights moved, and at *chance*, the loss of the
best answer that is the same for every sample. The first that fits decides:

- *diverged*: the loss is no number, or ends more than 50 % above that before training.
- *too low*: it fell by less than 2 %, and the weights moved by less than 2 % of their length.
- *stuck*: it is flat at chance. In the last third of the epochs it varies by 5 % of chance at most,
  in the last half it is nowhere 4 % below chance (10 % where a first loss of 20 times chance shows
  that inputs are not scaled), and it ends less than 25 % above. Unless it falls evenly all the way.
- *noisy*: it jumps up between epochs, by more than 5 % of its descent in all; or by more than 5 %
  of its gain on chance, below that and in the last half of the epochs.
- *stuck*: it did not fall at all.
- *too low*: as much training again, at its last pace, would bring 20 % of its fall so far or 50 %
  of its gain on chance; or it falls by 10 % an epoch. Unless it is below 10 % of chance. But
  *stuck* where the first steps broke the network: the weights moved by half their length, for a
  gain of less than 25 %, and the loss falls faster, per rate, since the rate is low.
- *noisy*: it ends at chance or above; or less than 25 % below, where inputs are not scaled and the
  weights moved by more than half their length.
- *good*: the rest.

Where chance is not known, the loss before training stands for it, and *stuck* is a loss that fell
by less than 25 %, though the weights moved by more than half their length.

The thresholds were chosen on 1,600 trainings by SGD, SGD with momentum, RMSprop and Adam of small
networks on scikit-learn's tables and images, scaled and not, and are held to a table of such.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np

Verdict: TypeAlias = Literal["too low", "good", "noisy", "stuck", "diverged"]

# Shares of the loss before training, or of its size where a loss is negative.
_DIVERGED = 0.5  # above it
_LITTLE_PROGRESS = 0.25
_HARDLY = 0.02  # also of the length of the first weights
_MOVED_FAR = 0.5  # of the length of the first weights
_NO_BETTER = 0.04  # of chance, below it
_HARDLY_BETTER = 0.1  # the same, where the first loss shows that inputs are not scaled
_WORSE_THAN_CHANCE = 0.25  # of chance, above it
_FLAT = 0.05  # of chance
_NEARLY_THERE = 0.1  # of chance
_UPS = 0.05  # of the whole descent
_STILL_FALLING = 0.2  # of the gain so far, had the training gone on at its pace per rate
_MUCH = 0.5  # the same, of the gain on chance
_FAST = 0.1  # of the loss, an epoch
_ENOUGH_TO_TELL = 0.005  # of the whole training, in learning rates added up
_UNSCALED = 20.0  # times chance
_NOTHING = 1e-6


def judge(
    losses: Sequence[float],
    start_loss: float,
    learning_rates: np.ndarray,
    moved: float,
    chance: float = math.nan,
) -> tuple[Verdict, str]:
    """Judge a run by its training.

    Args:
        losses: The training loss of each epoch.
        start_loss: That of the untrained model.
        learning_rates: The rate of every step.
        moved: How far the weights went, as a share of the length of the first ones.
        chance: The training loss of the best answer that is the same for every sample; NaN where
            that is not known.

    Returns:
        The verdict and its reason, a sentence or more.
    """
    last = losses[-1]
    broken = [epoch for epoch, loss in enumerate(losses, 1) if not math.isfinite(loss)]
    if broken:
        return "diverged", (
            f"The loss stopped being a number in epoch {broken[0]}: each step overshot further "
            "than the one before. Lower the rate."
        )
    if last - start_loss > _DIVERGED * abs(start_loss):
        return "diverged", (
            f"The loss rose from {start_loss:.3g} to {last:.3g}: the steps overshoot. Lower the "
            "rate."
        )
    seen = _Evidence([start_loss, *losses], learning_rates, moved, chance)
    outcome = f"The loss, {start_loss:.3g} before training, is {last:.3g} after it"
    better = "hardly" if last < chance - _NO_BETTER * abs(chance) else "no"
    guessing = f"giving every sample the same answer, a loss of {chance:.3g}"
    unfinished = f"The loss came from {start_loss:.3g} to {last:.3g} and had further to fall"
    too_low = unfinished + (
        ", but the rate became too low to take it there. Let it decay later or less."
        if seen.slowed
        else ", but each step is short. A higher rate gets there sooner."
    )
    if seen.idle:
        return "too low", too_low + seen.hint
    if seen.at_chance and not seen.falls_evenly:
        return "stuck", (
            f"{outcome}, {better} better than {guessing}: nothing was learned. {seen.way_out}"
            f"{seen.hint}"
        )
    if seen.lost and not seen.falls_evenly:
        return "stuck", (
            f"{outcome}, though the weights moved by {moved:.0%} of their length: large steps "
            f"threw them to where the network hardly learns. {seen.way_out}"
        )
    if seen.jumps:
        jumps = (
            f"The loss jumps up between epochs, by {seen.ups:.3g} in all, and ends at {last:.3g}"
        )
        too_long = ": the steps are too long to settle. Lower the rate, or let it decay."
        return "noisy", jumps + (f". {seen.way_out}" if seen.broke else too_long) + seen.hint
    if seen.progress <= 0:
        return "stuck", (
            f"The loss did not fall: it was {start_loss:.3g} before training and is {last:.3g} "
            "after it. Lower the rate."
        )
    if seen.falling and not seen.nearly_there:
        if seen.broke:
            return "stuck", f"{unfinished}. {seen.way_out}{seen.hint}"
        return "too low", too_low + seen.hint
    if seen.no_better:
        return "noisy", (
            f"{outcome}, {better} better than {guessing}: the steps are too long to settle. "
            f"{seen.way_out}{seen.hint}"
        )
    fell = f"The loss fell from {start_loss:.3g} to {last:.3g} and"
    if not seen.fast:
        return "good", f"{fell} has begun to level off."
    return "good", f"{fell} still falls" + (
        ", but little of it is left." if seen.nearly_there else "."
    )


class _Evidence:
    """What the rules look at, of a loss that is a number.

    Args:
        path: The loss before training, and that of each epoch.
        rates: The rate of every step.
        moved: How far the weights went.
        chance: The loss of the best constant answer, or NaN.
    """

    def __init__(
        self, path: Sequence[float], rates: np.ndarray, moved: float, chance: float
    ) -> None:
        start, *losses = path
        last, epochs = losses[-1], len(losses)
        # Where chance is 0, to learn the one right answer is all there is to learn.
        known = abs(chance) > _NOTHING * abs(start)
        unlearned = min(start, chance) if known else start
        gain, self.progress = unlearned - last, start - last
        window = max(1, epochs // 3)

        far = moved > _MOVED_FAR
        self.idle = self.progress < _HARDLY * abs(start) and moved < _HARDLY
        unscaled = known and start > _UNSCALED * abs(chance)
        better = chance - (_HARDLY_BETTER if unscaled else _NO_BETTER) * abs(chance)
        worse = chance + _WORSE_THAN_CHANCE * abs(chance)
        recent, tail = losses[-max(2, window) :], path[-1 - max(1, epochs // 2) :]
        flat = max(recent) - min(recent) <= _FLAT * abs(chance)
        self.no_better = known and (
            last > better or (unscaled and far and gain < _LITTLE_PROGRESS * abs(chance))
        )
        self.at_chance = known and flat and better < min(tail) and last < worse
        self.lost = not known and far and self.progress < _LITTLE_PROGRESS * abs(start)

        self.ups = _ups(path)
        # A fall from far above chance may hide how the loss jumps below it.
        self.jumps = any(
            _ups(part) > _UPS * max(top - min(path), _HARDLY * abs(top))
            for part, top in ((path, start), (np.minimum(tail, unlearned), unlearned))
        )
        pace = _pace(path, window)
        self.fast = max(pace, _pace(path, 1)) >= _FAST
        ahead = _still_falling(path, rates)
        self.falling = ahead > 0 and (
            ahead > _STILL_FALLING * self.progress
            or ahead > _MUCH * (gain if gain > _HARDLY * abs(unlearned) else abs(last))
            or pace >= _FAST
        )
        self.nearly_there = abs(last) <= _NEARLY_THERE * abs(unlearned)

        thrown = max(losses) > start + _HARDLY * abs(start)
        self.slowed = rates[-1] < 0.5 * rates.max()
        # What the long steps broke is not fixed by the short ones after them.
        self.broke = self.slowed and (
            (thrown and gain < 0.5 * abs(unlearned))
            or (far and gain < _LITTLE_PROGRESS * abs(unlearned) and _fell_late(path, rates))
            or (far and self.at_chance and last < chance + _FLAT * abs(chance))
        )
        # With large targets the weights go far at a low rate too, but then the loss falls steadily.
        self.falls_evenly = self.falling and not (self.jumps or thrown or self.broke)

        if self.broke:
            began_high = rates[0] >= 0.5 * rates.max()
            self.way_out = (
                f"The {'first' if began_high else 'longest'} steps, at rates of up to "
                f"{rates.max():.3g}, broke the network, and lower rates do not fix it. "
                + ("Start lower." if began_high else "Lower the highest rate.")
            )
        elif thrown or far:
            self.way_out = "Lower the rate."
        else:
            self.way_out = "Try a rate ten times higher, and one ten times lower."
        self.hint = ""
        if unscaled:
            self.hint = (
                f" A first loss of {start:.3g}, far above the {chance:.3g} of giving every sample "
                "the same answer, is often that of inputs that are not scaled: scale them."
            )


def _ups(path: Sequence[float] | np.ndarray) -> float:
    return float(sum(max(0.0, after - before) for before, after in pairwise(path)))


def _pace(path: Sequence[float], epochs: int) -> float:
    """By what share of itself the loss fell an epoch, in these last ones."""
    first, last = path[-1 - epochs], path[-1]
    return 1 - float(last / first) ** (1 / epochs) if first > 0 and last > 0 else 0.0


def _by_epoch(learning_rates: np.ndarray, epochs: int) -> np.ndarray:
    return np.array([rates.sum() for rates in np.array_split(learning_rates, epochs)])


def _fell_late(path: Sequence[float], learning_rates: np.ndarray) -> bool:
    """Whether the loss fell faster per unit of learning rate once the rate was low."""
    by_epoch = _by_epoch(learning_rates, len(path) - 1)
    turn = 1 + int(np.flatnonzero(by_epoch >= 0.5 * by_epoch.max())[-1])
    before, after = by_epoch[:turn].sum(), by_epoch[turn:].sum()
    return bool((path[turn] - path[-1]) * before > (path[0] - path[turn]) * after)


def _still_falling(path: Sequence[float], learning_rates: np.ndarray) -> float:
    """How far the loss would fall in as much training again, at its last pace.

    The pace is counted per unit of learning rate, not per epoch, so that a rate that decayed to
    nothing does not pass for a loss that levelled off.
    """
    epochs = len(path) - 1
    by_epoch = _by_epoch(learning_rates, epochs)
    window = max(1, epochs // 3)
    while by_epoch[-window:].sum() < _ENOUGH_TO_TELL * by_epoch.sum():
        window += 1
    recent, fall = by_epoch[-window:].sum(), path[-1 - window] - path[-1]
    if recent == 0 or fall <= _ups(path[-1 - max(window, epochs // 2) :]):
        return 0.0  # up and down
    return float(fall / recent * by_epoch.sum())
