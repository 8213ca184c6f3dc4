"""The rate of every step that any schedule gives, without training."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from lrlab.checks import as_learning_rate, as_number, as_whole_number

if TYPE_CHECKING:
    import keras

# What `Experiment.run` and `preview` take for a schedule.
Schedule: TypeAlias = (
    "float | Callable[[int], float] | Callable[[int, float], float]"
    " | keras.optimizers.schedules.LearningRateSchedule"
)


def preview(
    schedule: Schedule, epochs: int, steps_per_epoch: int, learning_rate: float = 0.01
) -> np.ndarray:
    """Return the learning rate of every step of a training, without training.

    Args:
        schedule: A learning rate; a function of the epoch (counted from 0), or of epoch and rate
            before it; or a Keras `LearningRateSchedule`, which is a function of the step.
        epochs: How many epochs.
        steps_per_epoch: Batches an epoch.
        learning_rate: The optimizer's, from which a function of epoch and rate starts.

    Returns:
        A float64 array of shape (epochs * steps_per_epoch,).

    Raises:
        ValueError: If the schedule is none of these, or gives a rate that is negative or not
            finite, or if `epochs` or `steps_per_epoch` is not a whole number of at least 1.

    Example:
        >>> from lrlab import StepDecay
        >>> preview(StepDecay(1.0, 0.1, 1), epochs=3, steps_per_epoch=2).tolist()
        [1.0, 1.0, 0.1, 0.1, 0.010000000000000002, 0.010000000000000002]
    """
    epochs = as_whole_number(epochs, "epochs", 1)
    steps_per_epoch = as_whole_number(steps_per_epoch, "steps_per_epoch", 1)
    if is_keras_schedule(schedule):
        rates = _rates_of_steps(schedule, epochs * steps_per_epoch)
    elif callable(schedule):
        rates = np.repeat(_rates_of_epochs(schedule, epochs, learning_rate), steps_per_epoch)
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


def needs_rate(schedule: object) -> bool:
    """Tell whether it is a function that cannot do without the rate before, beside the epoch."""
    if not callable(schedule) or is_keras_schedule(schedule):
        return False
    try:
        signature = inspect.signature(schedule)
    except ValueError:  # a function of C, which keeps its arguments to itself
        return False
    for count in (1, 2):
        with suppress(TypeError):
            signature.bind(*range(count))
            return count == 2
    raise ValueError(
        "A schedule must be a function of the epoch, counted from 0, or of epoch and rate. "
        f"Received: {schedule!r}, which takes {signature}. Try lambda epoch: 0.1 * 0.9**epoch."
    )


def _rates_of_epochs(schedule: Callable[..., float], epochs: int, rate: float) -> list[float]:
    if not needs_rate(schedule):
        return [_rate_of_epoch(schedule, epoch) for epoch in range(epochs)]
    rates = [as_learning_rate(rate)]
    for epoch in range(epochs):  # in between, an optimizer keeps the rate as a float32
        rates.append(_rate_of_epoch(schedule, epoch, float(np.float32(rates[-1]))))
    return rates[1:]


def _rate_of_epoch(schedule: Callable[..., float], epoch: int, *before: float) -> float:
    rate = schedule(epoch, *before)
    if math.isnan(as_number(rate)):
        raise ValueError(
            "A schedule must be a function of the epoch that returns the learning rate as a "
            f"number. Received: {rate!r} in epoch {epoch}, counted from 0."
        )
    return float(rate)


def _rates_of_steps(schedule: Callable[[Any], Any], steps: int) -> np.ndarray:
    """Evaluate a Keras schedule on the int64 steps of an optimizer."""
    known: Any = schedule if type(schedule).__module__.startswith(("keras.", "lrlab.")) else None
    # Where cycles become longer, a logarithm decides in which of two a step is, and its last bit
    # depends on how many are taken at once.
    if known is None or known.get_config().get("t_mul", 1) != 1:
        return _rates_one_by_one(schedule, steps)
    return _rates_at_once(known, np.arange(steps))


def _rates_at_once(schedule: Any, steps: np.ndarray) -> np.ndarray:
    """Built-in schedules take all steps in one call; that is 100 times as fast as tracing them."""
    from lrlab.backend import tf

    if getattr(schedule, "warmup_target", None) is None:
        return schedule(tf.constant(steps)).numpy().astype(float)  # type: ignore[no-any-return]
    # Only a cosine with warm-up asks of a single step in which of its two parts it is.
    first, warm = schedule.initial_learning_rate, schedule.warmup_steps
    decay = type(schedule)(schedule.warmup_target, schedule.decay_steps, schedule.alpha)
    rising = first + (schedule.warmup_target - first) * steps / max(warm, 1)
    return np.where(steps < warm, rising, _rates_at_once(decay, np.maximum(steps - warm, 0)))


def _rates_one_by_one(schedule: Callable[[Any], Any], steps: int) -> np.ndarray:
    """Somebody's own schedule, evaluated as training does: traced, a step at a time."""
    from lrlab.backend import tf

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

    try:
        # Not called as a function, of which TensorFlow would say that it is traced too often.
        graph = tf.function(evaluate, autograph=False).get_concrete_function()
        return np.asarray(graph(), float)
    except (TypeError, NotImplementedError, AttributeError) as error:
        schedule(tf.constant(0, tf.int64))  # raises as well, unless the graph is what it fails in
        raise ValueError(
            "A LearningRateSchedule must not use Python's `if`, float() or the like on the step, "
            f"which is a tensor as Keras trains. Received: {type(schedule).__name__} "
            f"({type(error).__name__}). Write keras.ops.where(step < 5, 0.1, 0.01)."
        ) from error


def is_keras_schedule(
    schedule: object,
) -> TypeGuard[keras.optimizers.schedules.LearningRateSchedule]:
    """Tell whether this is a Keras schedule object, without loading Keras to find out."""
    loaded = sys.modules.get("keras")
    return loaded is not None and isinstance(
        schedule, loaded.optimizers.schedules.LearningRateSchedule
    )
