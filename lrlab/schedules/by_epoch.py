"""Schedules of the epoch, as `keras.callbacks.LearningRateScheduler` takes them.

One that has a method `as_plain_keras` says how it is written in Keras without lrlab: it returns the
lines that define it, none or several, and the expression that stands for it after these.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from lrlab.checks import as_learning_rate, as_number, as_whole_number

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class StepDecay:
    """Multiply the learning rate by a factor every few epochs.

    The rate of an epoch, counted from 0, is

        initial_learning_rate * decay_factor ** (epoch // epochs_per_drop)

    An instance is a function of the epoch, so Keras takes it as it is:
    `keras.callbacks.LearningRateScheduler(StepDecay())`.

    Args:
        initial_learning_rate: The rate of the first epochs, above 0.
        decay_factor: What the rate is multiplied by at a drop, above 0 and at most 1.
        epochs_per_drop: Epochs from one drop to the next, a whole number of at least 1.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> decay = StepDecay(1.0, decay_factor=0.5, epochs_per_drop=5)
        >>> decay(0), decay(4), decay(5), decay(14)
        (1.0, 1.0, 0.5, 0.25)

    Source: step decay as in K. He et al., "Deep Residual Learning for Image Recognition",
    https://arxiv.org/abs/1512.03385, section 4.2, which divides the rate by 10.
    """

    initial_learning_rate: float = 0.01
    decay_factor: float = 0.1
    epochs_per_drop: int = 5

    def __post_init__(self) -> None:
        rate = as_learning_rate(self.initial_learning_rate, "initial_learning_rate")
        factor = as_number(self.decay_factor)
        if not 0 < factor <= 1:
            raise ValueError(
                "`decay_factor` must be above 0 and at most 1: the rate is multiplied by it at "
                f"each drop. Received: decay_factor={self.decay_factor!r}. 0.5 halves the rate."
            )
        epochs = as_whole_number(self.epochs_per_drop, "epochs_per_drop", 1)
        object.__setattr__(self, "initial_learning_rate", rate)
        object.__setattr__(self, "decay_factor", factor)
        object.__setattr__(self, "epochs_per_drop", epochs)

    def __call__(self, epoch: int | None = None) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if epoch is None:
            raise _no_epoch("StepDecay", "decay")
        return self.initial_learning_rate * self.decay_factor ** (epoch // self.epochs_per_drop)

    def to_keras(self, steps_per_epoch: int) -> keras.optimizers.schedules.ExponentialDecay:
        """Return the same schedule for an optimizer, which counts steps instead of epochs.

        Args:
            steps_per_epoch: Batches an epoch: the samples divided by the batch size, rounded up.

        Example:
            >>> decay = StepDecay(1.0, 0.5, epochs_per_drop=5).to_keras(steps_per_epoch=45)
            >>> float(decay(224)), float(decay(225))
            (1.0, 0.5)
        """
        from lrlab.backend import keras

        steps = as_whole_number(steps_per_epoch, "steps_per_epoch", 1)
        return keras.optimizers.schedules.ExponentialDecay(
            self.initial_learning_rate,
            decay_steps=self.epochs_per_drop * steps,
            decay_rate=self.decay_factor,
            staircase=True,
        )

    def as_plain_keras(self) -> tuple[str, str]:
        """Return a function of the epoch, and its name."""
        first, factor, interval = astuple(self)
        rate = f"{first!r} * {factor!r} ** (epoch // {interval!r})"
        return f"def schedule(epoch):\n    return {rate}", "schedule"


@dataclass(frozen=True)
class OneCycle:
    """Raise the learning rate to a high one, then lower it to almost nothing: one cycle, no more.

    Both ways go along half a cosine: up from `max_learning_rate / div` in the first
    `warmup_fraction` of the training, down to `max_learning_rate / div_final` in the rest.

    An instance is a function of the epoch, so Keras takes it as it is:
    `keras.callbacks.LearningRateScheduler(OneCycle())`. `to_keras` changes the rate every step.

    Args:
        max_learning_rate: The rate at the top, above 0.
        epochs: How long the training is. Afterwards the rate stays at its lowest.
        warmup_fraction: The share of the training in which the rate rises, above 0 and below 1.
        div: The top divided by the first rate, at least 1.
        div_final: The top divided by the last rate, at least 1.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> cycle = OneCycle(1.0, epochs=16, warmup_fraction=0.25, div=25, div_final=100)
        >>> [round(cycle(epoch), 5) for epoch in (0, 2, 4, 10, 16)]
        [0.04, 0.52, 1.0, 0.505, 0.01]

    Source: L. N. Smith and N. Topin, "Super-Convergence", https://arxiv.org/abs/1708.07120, which
    goes along straight lines. The cosines, the names `div` and `div_final` and the defaults are
    those of fastai, https://docs.fast.ai/callback.schedule.html#learner.fit_one_cycle.
    """

    max_learning_rate: float = 1.0
    epochs: int = 15
    warmup_fraction: float = 0.25
    div: float = 25.0
    div_final: float = 1e5

    def __post_init__(self) -> None:
        rate = as_learning_rate(self.max_learning_rate, "max_learning_rate")
        epochs = as_whole_number(self.epochs, "epochs", 1)
        fraction = as_number(self.warmup_fraction)
        if not 0 < fraction < 1:
            raise ValueError(
                "`warmup_fraction` must be above 0 and below 1: it is a share of the training. "
                f"Received: warmup_fraction={self.warmup_fraction!r}. 0.25 rises for a quarter."
            )
        for name in ("div", "div_final"):
            divisor = as_number(getattr(self, name))
            if not 1 <= divisor < math.inf:
                raise ValueError(
                    f"`{name}` must be a finite number of at least 1: the highest rate divided "
                    f"by it is not higher. Received: {name}={getattr(self, name)!r}. 25 is usual "
                    "for div, 1e5 for div_final."
                )
            object.__setattr__(self, name, divisor)
        object.__setattr__(self, "max_learning_rate", rate)
        object.__setattr__(self, "epochs", epochs)
        object.__setattr__(self, "warmup_fraction", fraction)

    def __call__(self, epoch: float | None = None) -> float:
        """Return the learning rate at the beginning of an epoch, counted from 0."""
        if epoch is None:
            raise _no_epoch("OneCycle", "cycle")
        top, peak = self.max_learning_rate, self.warmup_fraction * self.epochs
        if epoch < peak:
            return _half_cosine(top / self.div, top, epoch / peak)
        done = min((epoch - peak) / (self.epochs - peak), 1.0)
        return _half_cosine(top, top / self.div_final, done)

    def to_keras(self, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return the same schedule for an optimizer, with another rate at every step.

        Args:
            steps_per_epoch: Batches an epoch: the samples divided by the batch size, rounded up.

        Example:
            >>> schedule = OneCycle(1.0, epochs=16, div=10).to_keras(steps_per_epoch=45)
            >>> round(float(schedule(0)), 4), round(float(schedule(4 * 45)), 4)
            (0.1, 1.0)
        """
        from lrlab.schedules.by_step import OneCycleSchedule

        top = self.max_learning_rate
        return OneCycleSchedule(
            top / self.div, top, top / self.div_final, *self._steps(steps_per_epoch)
        )

    def momentum(
        self, steps_per_epoch: int, highest: float = 0.95, lowest: float = 0.85
    ) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return a momentum for every step, which is lowest where the rate is highest.

        `lrlab.optimizers.SGDWithMomentumSchedule` takes it. A fixed momentum cannot follow.

        Args:
            steps_per_epoch: As for `to_keras`.
            highest: The first and the last momentum.
            lowest: The one at the highest rate.

        Example:
            >>> momentum = OneCycle(1.0, epochs=16).momentum(steps_per_epoch=45)
            >>> [round(float(momentum(epoch * 45)), 4) for epoch in (0, 2, 4, 10, 16)]
            [0.95, 0.9, 0.85, 0.9, 0.95]

        Source: the paper above, and `cycle_momentum` of PyTorch's `OneCycleLR`.
        """
        from lrlab.schedules.by_step import OneCycleSchedule

        return OneCycleSchedule(highest, lowest, highest, *self._steps(steps_per_epoch))

    def _steps(self, steps_per_epoch: int) -> tuple[float, int]:
        """Return the step at the top and the last one."""
        last = self.epochs * as_whole_number(steps_per_epoch, "steps_per_epoch", 1)
        return self.warmup_fraction * last, last


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def _no_epoch(kind: str, name: str) -> ValueError:
    """An optimizer takes any callable for one without arguments, and calls it so."""
    return ValueError(
        f"{kind} is a function of the epoch, and an optimizer does not tell it the epoch. "
        f"Pass `learning_rate={name}.to_keras(steps_per_epoch)` to the optimizer, or "
        f"`callbacks=[keras.callbacks.LearningRateScheduler({name})]` to `fit`."
    )


@dataclass(frozen=True)
class RatesByEpoch:
    """A learning rate for each epoch; the last one stays for all that follow.

    It is a function of the epoch, as `keras.callbacks.LearningRateScheduler` takes it.

    Args:
        rates: At least one.

    Raises:
        ValueError: If there is none, or one is not a finite number above 0.

    Example:
        >>> rates = RatesByEpoch((0.5, 0.1))
        >>> [rates(epoch) for epoch in range(4)]
        [0.5, 0.1, 0.1, 0.1]
    """

    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.rates):
            raise ValueError("`rates` must hold at least one rate. Received: rates=().")
        rates = tuple(as_learning_rate(rate, "rates") for rate in self.rates)
        object.__setattr__(self, "rates", rates)

    def __call__(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return self.rates[min(epoch, len(self.rates) - 1)]
