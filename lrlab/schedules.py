"""Learning rates over time: a schedule knows epochs and steps, and no optimizer, plot or widget."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from lrlab._checks import as_learning_rate, as_number, as_whole_number

if TYPE_CHECKING:
    import keras

# What `Experiment.run` and `preview` take for a schedule.
Schedule: TypeAlias = (
    "float | Callable[[int], float] | keras.optimizers.schedules.LearningRateSchedule"
)


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
    https://arxiv.org/abs/1512.03385, section 3.4, which divides the rate by 10.
    """

    initial_learning_rate: float = 0.01
    decay_factor: float = 0.1
    epochs_per_drop: int = 5

    def __post_init__(self) -> None:
        rate = as_learning_rate(self.initial_learning_rate, "initial_learning_rate")
        factor = as_number(self.decay_factor)
        if not 0 < factor <= 1:
            raise ValueError(
                "`decay_factor` must be above 0 and at most 1, for the rate is multiplied by it at "
                f"each drop. Received: decay_factor={self.decay_factor!r}. 0.5 halves the rate."
            )
        epochs = as_whole_number(self.epochs_per_drop, "epochs_per_drop", 1)
        object.__setattr__(self, "initial_learning_rate", rate)
        object.__setattr__(self, "decay_factor", factor)
        object.__setattr__(self, "epochs_per_drop", epochs)

    def __call__(self, epoch: int | None = None) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if epoch is None:  # an optimizer takes any callable for one without arguments
            raise ValueError(
                "StepDecay is a function of the epoch, and an optimizer does not tell it the "
                "epoch. Pass `learning_rate=decay.to_keras(steps_per_epoch)` to the optimizer, or "
                "`callbacks=[keras.callbacks.LearningRateScheduler(decay)]` to `fit`."
            )
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
        from lrlab._tensorflow import keras

        steps = as_whole_number(steps_per_epoch, "steps_per_epoch", 1)
        return keras.optimizers.schedules.ExponentialDecay(
            self.initial_learning_rate,
            decay_steps=self.epochs_per_drop * steps,
            decay_rate=self.decay_factor,
            staircase=True,
        )


@dataclass(frozen=True)
class RatesByEpoch:
    """A learning rate for each epoch; the last one stays for all that follow.

    It is a function of the epoch, so Keras takes it as it is:
    `keras.callbacks.LearningRateScheduler(RatesByEpoch((0.5, 0.1)))`.

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


def preview(schedule: Schedule, epochs: int, steps_per_epoch: int) -> np.ndarray:
    """Return the learning rate of every step of a training, without training.

    Args:
        schedule: A learning rate, a function of the epoch (counted from 0), or a Keras
            `LearningRateSchedule`, which is a function of the step.
        epochs: How many epochs.
        steps_per_epoch: Batches an epoch.

    Returns:
        A float64 array of shape (epochs * steps_per_epoch,).

    Raises:
        ValueError: If the schedule is none of these, or gives a rate that is negative or not
            finite.

    Example:
        >>> preview(StepDecay(1.0, 0.1, 1), epochs=3, steps_per_epoch=2).tolist()
        [1.0, 1.0, 0.1, 0.1, 0.010000000000000002, 0.010000000000000002]
    """
    if is_keras_schedule(schedule):
        rates = _rates_of_steps(schedule, epochs * steps_per_epoch)
    elif callable(schedule):
        _check_takes_epoch(schedule)
        rates = np.repeat([_rate_of_epoch(schedule, e) for e in range(epochs)], steps_per_epoch)
    else:
        rates = np.full(epochs * steps_per_epoch, as_learning_rate(schedule))
    wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
    if wrong.size:
        step = int(wrong[0])
        raise ValueError(
            "A schedule must give a finite learning rate that is not negative. "
            f"Received: {rates[step]} in epoch {step // steps_per_epoch}, counted from 0."
        )
    return rates


def _check_takes_epoch(schedule: Callable[[int], float]) -> None:
    try:
        inspect.signature(schedule).bind(0)
    except TypeError as error:
        raise ValueError(
            "A schedule must be a function of the epoch, counted from 0, and of nothing else. "
            f"Received: {schedule!r} ({error}). For instance: lambda epoch: 0.1 * 0.9**epoch."
        ) from None
    except ValueError:  # a function of C, which keeps its arguments to itself
        return


def _rate_of_epoch(schedule: Callable[[int], float], epoch: int) -> float:
    rate = schedule(epoch)
    if math.isnan(as_number(rate)):
        raise ValueError(
            "A schedule must be a function of the epoch that returns the learning rate as a "
            f"number. Received: {rate!r} in epoch {epoch}, counted from 0."
        )
    return float(rate)


def _rates_of_steps(schedule: Callable[[Any], Any], steps: int) -> np.ndarray:
    """Evaluate a Keras schedule as training does: traced, on the int64 steps of an optimizer."""
    from lrlab._tensorflow import tf

    @tf.function(autograph=False)
    def evaluate() -> Any:
        def rate(step: Any) -> Any:
            value = schedule(step)
            if not tf.is_tensor(value) and math.isnan(as_number(value)):
                raise ValueError(
                    "A LearningRateSchedule must return the learning rate as a number. "
                    f"Received: {value!r} from {type(schedule).__name__}."
                )
            return tf.cast(value, tf.float32)

        return tf.map_fn(rate, tf.range(steps, dtype=tf.int64), fn_output_signature=tf.float32)

    rates: np.ndarray = evaluate().numpy().astype(float)
    return rates


def is_keras_schedule(
    schedule: object,
) -> TypeGuard[keras.optimizers.schedules.LearningRateSchedule]:
    """Tell whether this is a Keras schedule object, without loading Keras to find out."""
    loaded = sys.modules.get("keras")
    return loaded is not None and isinstance(
        schedule, loaded.optimizers.schedules.LearningRateSchedule
    )
